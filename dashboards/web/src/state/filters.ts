/**
 * Filters as the address holds them: `f=is,event:page,/tides`, one `f` for each. The value is the
 * rest after the second comma, so it may hold commas itself.
 */
import type { ApiFilter } from "./api";
import { DIMENSIONS, valueLabel } from "./dimensions";

export interface Filter {
  op: "is" | "is_not";
  dimension: string;
  value: string;
}

/** Reads the filters of an address; what cannot be read is left out. */
export function readFilters(search: URLSearchParams): Filter[] {
  return search.getAll("f").flatMap((text): Filter[] => {
    const [op = "", dimension = "", ...rest] = text.split(",");
    const value = rest.join(",");
    if ((op !== "is" && op !== "is_not") || !DIMENSIONS.has(dimension) || value === "") return [];
    return [{ op, dimension, value }];
  });
}

export function filterText(filter: Filter): string {
  return `${filter.op},${filter.dimension},${filter.value}`;
}

export function apiFilters(filters: Filter[]): ApiFilter[] {
  return filters.map(({ op, dimension, value }) => [op, dimension, [value]]);
}

const same = (a: Filter, b: Filter) => a.dimension === b.dimension && a.value === b.value;

/** Is this value asked for? */
export function isPicked(filters: Filter[], dimension: string, value: string): boolean {
  return filters.some((one) => one.op === "is" && one.dimension === dimension && one.value === value);
}

/**
 * Adds "is", or takes it away when it is there. Another "is" of the same dimension is replaced:
 * nothing can be two values at once.
 */
export function toggled(filters: Filter[], dimension: string, value: string): Filter[] {
  const wanted: Filter = { op: "is", dimension, value };
  if (isPicked(filters, dimension, value)) return filters.filter((one) => !(one.op === "is" && same(one, wanted)));
  const kept = filters.filter((one) => !same(one, wanted) && !(one.op === "is" && one.dimension === dimension));
  return [...kept, wanted];
}

/** Turns "is" into "is not" and back. */
export function turned(filters: Filter[], filter: Filter): Filter[] {
  return filters.map((one) => (one === filter ? { ...one, op: one.op === "is" ? "is_not" : "is" } : one));
}

/** "Page is", "Page is not", and the value, to be set apart by weight. */
export function filterWords(filter: Filter): { what: string; value: string } {
  const name = DIMENSIONS.get(filter.dimension)?.name ?? filter.dimension;
  return {
    what: `${name} ${filter.op === "is" ? "is" : "is not"}`,
    value: valueLabel(filter.dimension, filter.value),
  };
}
