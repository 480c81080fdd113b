/**
 * Filters as the address holds them: `f=is,event:page,/tides`, one `f` for each. The value is the
 * rest after the second comma, so it may hold commas itself; further values of the same filter
 * follow as `or=…`.
 */
import type { ApiFilter } from "./api";
import { dimensionOf, valueLabel } from "./dimensions";

export const OPERATORS = {
  is: "is",
  is_not: "is not",
  contains: "contains",
  contains_not: "does not contain",
  matches: "matches",
  matches_not: "does not match",
} as const;

export type Operator = keyof typeof OPERATORS;

export interface Filter {
  op: Operator;
  dimension: string;
  /** any of them; for the "not" operators none of them */
  values: string[];
}

/** Most values of one filter; the address has to stay short enough to be sent. */
export const MOST_VALUES = 20;

// a property may be called anything, also with a comma
const written = (dimension: string) => dimension.replaceAll("%", "%25").replaceAll(",", "%2C");
const unwritten = (dimension: string) => dimension.replaceAll("%2C", ",").replaceAll("%25", "%");

function readFilter(text: string): Filter | null {
  const [op = "", name = "", ...rest] = text.split(",");
  const dimension = unwritten(name);
  const value = rest.join(",");
  const fits = Object.hasOwn(OPERATORS, op) && dimensionOf(dimension) !== undefined && value !== "";
  return fits ? { op: op as Operator, dimension, values: [value] } : null;
}

/** Reads the filters of an address; what cannot be read is left out. */
export function readFilters(search: URLSearchParams): Filter[] {
  const found: Filter[] = [];
  let last: Filter | null = null;
  for (const [key, text] of search) {
    if (key === "or" && text !== "" && last && !last.values.includes(text)) last.values.push(text);
    if (key !== "f") continue;
    last = readFilter(text);
    if (last) found.push(last);
  }
  return found;
}

/** Writes filters into an address, in place of those that were there. */
export function writeFilters(search: URLSearchParams, filters: Filter[]): void {
  search.delete("f");
  search.delete("or");
  for (const { op, dimension, values } of filters) {
    const [first = "", ...others] = values;
    search.append("f", `${op},${written(dimension)},${first}`);
    for (const value of others) search.append("or", value);
  }
}

/** Parts of words are looked for whatever their case, as people type them. */
export function apiFilters(filters: Filter[]): ApiFilter[] {
  return filters.map(({ op, dimension, values }): ApiFilter =>
    op === "contains" || op === "contains_not"
      ? [op, dimension, values, { case_sensitive: false }]
      : [op, dimension, values],
  );
}

/** Is this value asked for? */
export function isPicked(filters: Filter[], dimension: string, value: string): boolean {
  return filters.some((one) => one.op === "is" && one.dimension === dimension && one.values.includes(value));
}

/** Without one value of one dimension; a filter that loses its last value is gone. */
function without(filters: Filter[], dimension: string, value: string): Filter[] {
  return filters.flatMap((one) => {
    if (one.dimension !== dimension || (one.op !== "is" && one.op !== "is_not")) return [one];
    const values = one.values.filter((other) => other !== value);
    return values.length > 0 ? [{ ...one, values }] : [];
  });
}

/**
 * Adds "is", or takes it away when it is there. Another "is" of the same dimension is replaced:
 * nothing can be two values at once.
 */
export function toggled(filters: Filter[], dimension: string, value: string): Filter[] {
  const kept = without(filters, dimension, value);
  if (isPicked(filters, dimension, value)) return kept;
  const others = kept.filter((one) => !(one.op === "is" && one.dimension === dimension));
  return [...others, { op: "is", dimension, values: [value] }];
}

/** The one value that a dimension is filtered to, if it is one. */
export function onlyValue(filters: Filter[], dimension: string): string | null {
  const found = filters.filter((one) => one.op === "is" && one.dimension === dimension);
  const [only, ...others] = found[0]?.values ?? [];
  return found.length === 1 && others.length === 0 ? (only ?? null) : null;
}

/** "Page is not" and "/tides or /about", to be set apart by weight. */
export function filterWords(filter: Filter): { what: string; value: string } {
  const name = dimensionOf(filter.dimension)?.name ?? filter.dimension;
  return {
    what: `${name} ${OPERATORS[filter.op]}`,
    value: filter.values.map((value) => valueLabel(filter.dimension, value)).join(" or "),
  };
}
