/**
 * The values of a filter. "is" takes any of those the report lists, or one that is typed; "contains"
 * and "matches" take what is typed, and show what of the report it would leave.
 */
import { useId } from "preact/hooks";
import { report } from "../state/api";
import { dimensionOf, OTHER, valueLabel } from "../state/dimensions";
import type { Filter, Operator } from "../state/filters";
import { useLoad } from "../state/load";
import { count } from "../state/metrics";
import { baseQuery, type View } from "../state/view";
import { Icon } from "./icon";

/** A value with its visitors; null for one the report does not list. */
export interface Suggested {
  value: string;
  label: string;
  visitors: number | null;
}

/** Values asked for (rows of the report). */
const ASKED = 50;
/** Values shown at once; more are found by typing. */
const SHOWN = 12;

let countries: Suggested[] | null = null;

/** Every country there is a name for, for those that no visitor came from yet. */
function allCountries(): Suggested[] {
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  countries ??= letters
    .flatMap((a) => letters.map((b) => a + b))
    .map((value) => ({ value, label: valueLabel("visit:country", value), visitors: null }))
    // codes of countries that are no more mean another one now
    .filter((one) => one.label !== one.value && Intl.getCanonicalLocales(`und-${one.value}`)[0] === `und-${one.value}`);
  return countries;
}

const holds = (one: Suggested, part: string) => {
  const low = part.toLowerCase();
  return one.label.toLowerCase().includes(low) || one.value.toLowerCase().includes(low);
};

/** What somebody means who types a value: a listed one by its name, else the very text. */
export function meant(dimension: string, typed: string, suggested: Suggested[]): string[] | null {
  const low = typed.toLowerCase();
  const isCountry = dimensionOf(dimension)?.kind === "country";
  const known = isCountry ? [...suggested, ...allCountries()] : suggested;
  const exact = known.find((one) => one.value === typed) ?? known.find((one) => one.label.toLowerCase() === low || (isCountry && one.value.toLowerCase() === low));
  if (exact) return [exact.value];
  if (!isCountry) return [typed];
  const [only, ...others] = new Set(known.filter((one) => holds(one, typed)).map((one) => one.value));
  return only && others.length === 0 ? [only] : null;
}

interface Props {
  view: View;
  /** the other filters: suggestions obey them */
  others: Filter[];
  dimension: string;
  op: Operator;
  values: string[];
  setValues: (values: string[]) => void;
  typed: string;
  setTyped: (typed: string) => void;
  suggested: { current: Suggested[] };
}

const HINTS: Partial<Record<Operator, string>> = {
  matches: "A pattern such as ^/blog/ (RE2). Part of the value is enough.",
  matches_not: "A pattern such as ^/blog/ (RE2). Part of the value is enough.",
};

function Chosen({ dimension, values, drop }: { dimension: string; values: string[]; drop: (value: string) => void }) {
  if (values.length === 0) return null;
  return (
    <ul class="chosen" aria-label="Chosen values">
      {values.map((value) => (
        <li key={value}>
          <span class="cut">{valueLabel(dimension, value)}</span>
          <button type="button" aria-label={`Remove ${valueLabel(dimension, value)}`} onClick={() => drop(value)}>
            <Icon name="x" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The values of the period as boxes to tick. */
function Boxes({ shown, values, toggle }: { shown: Suggested[]; values: string[]; toggle: (value: string) => void }) {
  return (
    <fieldset class="boxes">
      <legend class="unseen">Values in this period, by visitors</legend>
      {shown.map((one) => (
        <label key={one.value}>
          <input type="checkbox" checked={values.includes(one.value)} onChange={() => toggle(one.value)} />
          <span class="cut" title={one.label}>
            {one.label}
          </span>
          <span class="n">{one.visitors === null ? "" : count(one.visitors)}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function FilterValues(props: Props) {
  const { view, others, dimension, op, values, setValues, typed, setTyped, suggested } = props;
  const id = useId();
  const exact = op === "is" || op === "is_not";
  const query = {
    ...baseQuery(view, ["visitors"], others),
    dimensions: [dimension],
    order_by: [["visitors", "desc"]] as [string, "desc"][],
    pagination: { limit: ASKED, offset: 0 },
  };
  const { value: answer, error } = useLoad(JSON.stringify(query), (signal) => report(query, signal));
  const rows = (answer?.results ?? []).filter((row) => row.dimensions[0] !== OTHER);
  const listed = rows.map((row): Suggested => {
    const value = row.dimensions[0] ?? "";
    return { value, label: valueLabel(dimension, value), visitors: row.metrics[0] ?? null };
  });
  suggested.current = listed;

  const fitting = typed ? listed.filter((one) => holds(one, typed)) : listed;
  const isCountry = dimensionOf(dimension)?.kind === "country";
  const more = isCountry && typed ? allCountries().filter((one) => holds(one, typed) && !listed.some((other) => other.value === one.value)) : [];
  const shown = [...fitting, ...more].slice(0, SHOWN);
  const toggle = (value: string) => setValues(values.includes(value) ? values.filter((one) => one !== value) : [...values, value]);
  const withheld = Boolean(answer?.meta.withheld);
  const pattern = op === "matches" || op === "matches_not";

  const say = () => {
    if (error) return "Values could not be loaded; type one.";
    if (!answer) return "Loading values…";
    if (withheld) return `Too few visitors to list values (under ${answer.meta.threshold}). Type one.`;
    if (!exact && (!typed || pattern)) return HINTS[op] ?? "Upper and lower case are the same.";
    if (!exact) return `${fitting.length} of the ${listed.length} most seen values contain it${fitting.length ? ":" : "."}`;
    if (listed.length === 0) return "Nothing in this period; type a value.";
    if (typed && fitting.length + more.length === 0) return `None of the ${listed.length} most seen values; it is taken as typed.`;
    return typed ? `${fitting.length} of the ${listed.length} most seen values` : "Most seen in this period";
  };

  return (
    <div class="values">
      <label for={id}>{exact ? "Values" : pattern ? "Pattern" : "Text"}</label>
      <Chosen dimension={dimension} values={values} drop={toggle} />
      <div class="typed">
        <input
          id={id}
          class="input"
          value={typed}
          placeholder={exact ? "Find or type a value" : ""}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          aria-describedby={`${id}-said`}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        {!exact && (
          <button
            type="button"
            class="button"
            disabled={typed.trim() === "" || values.includes(typed)}
            onClick={() => {
              setValues([...values, typed]);
              setTyped("");
            }}
          >
            Or…
          </button>
        )}
      </div>
      <p class="hint" id={`${id}-said`} role="status">
        {say()}
      </p>
      {exact && shown.length > 0 && <Boxes shown={shown} values={values} toggle={toggle} />}
      {!exact && !pattern && typed && fitting.length > 0 && (
        <ul class="preview">
          {fitting.slice(0, 5).map((one) => (
            <li key={one.value} class="cut">
              {one.label}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
