/**
 * Adds or changes one filter: by what, how, and which values, suggested from the report itself.
 * Fetched when it is first opened.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { address } from "../state/address";
import { ApiError, report } from "../state/api";
import { DIMENSIONS, dimensionOf, GROUPS, PROPERTY } from "../state/dimensions";
import { MOST_VALUES, OPERATORS, type Filter, type Operator } from "../state/filters";
import { baseQuery, change, type View } from "../state/view";
import { FilterValues, meant, type Suggested } from "./filter-values";

interface Props {
  view: View;
  /** the filter to change; null adds one */
  at: number | null;
  close: () => void;
}

/** The server's limit of filters, beyond which it has to be asked before they are applied. */
const SURELY_FINE = 5;

const isPart = (op: Operator) => op !== "is" && op !== "is_not";

/** How a dimension can be filtered: names that are codes have no parts to look for. */
function operatorsFor(dimension: string): Operator[] {
  const kind = dimensionOf(dimension)?.kind;
  const all = Object.keys(OPERATORS) as Operator[];
  return kind === "country" || kind === "language" || kind === "screen" ? all.filter((op) => !isPart(op)) : all;
}

function DimensionSelect({ value, remembered, set }: { value: string; remembered: string[]; set: (id: string) => void }) {
  const first = useRef<HTMLSelectElement>(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <label>
      Filter by
      <select ref={first} class="input" value={value} onChange={(event) => set(event.currentTarget.value)}>
        {GROUPS.map((group) => (
          <optgroup key={group} label={group}>
            {DIMENSIONS.filter((one) => one.group === group).map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
            {group === "Events" && remembered.map((name) => <option key={name} value={PROPERTY + name}>{`Property ${name}`}</option>)}
            {group === "Events" && <option value={PROPERTY}>Another property…</option>}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

/** Asks the server whether it takes these filters; the words of its refusal, or nothing. */
async function refusal(view: View, filters: Filter[]): Promise<string> {
  try {
    await report(baseQuery(view, ["visitors"], filters));
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return error.message;
  }
  return "";
}

export function FilterEditor({ view, at, close }: Props) {
  const edited = at === null ? undefined : view.filters[at];
  const [chosen, setChosen] = useState(edited?.dimension ?? "event:page");
  const [property, setProperty] = useState("");
  const [op, setOp] = useState<Operator>(edited?.op ?? "is");
  const [values, setValues] = useState<string[]>(edited?.values ?? []);
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const suggested = useRef<Suggested[]>([]);

  const dimension = chosen === PROPERTY && property ? PROPERTY + property : chosen;
  const others = view.filters.filter((_, index) => index !== at);
  const inFilters = view.filters.map((one) => one.dimension).filter((id) => id.startsWith(PROPERTY));
  const remembered = [...new Set([...inFilters.map((id) => id.slice(PROPERTY.length)), ...view.properties])];

  const choose = (id: string) => {
    setChosen(id);
    setValues([]);
    setTyped("");
    setWrong("");
    if (!operatorsFor(id).includes(op)) setOp("is");
  };

  const apply = async (event: Event) => {
    event.preventDefault();
    if (dimension === PROPERTY) return setWrong("Name the property first.");
    const last = typed.trim() === "" ? [] : isPart(op) ? [typed] : meant(dimension, typed.trim(), suggested.current);
    if (last === null) return setWrong("No country has that name. Choose one of the list.");
    const all = [...new Set([...values, ...last])];
    if (all.length === 0) return setWrong(isPart(op) ? "Type what to look for." : "Choose or type a value.");
    if (all.length > MOST_VALUES) return setWrong(`At most ${MOST_VALUES} values.`);
    const filter: Filter = { op, dimension, values: all };
    const next = at === null ? [...others, filter] : view.filters.map((one, index) => (index === at ? filter : one));
    if (op === "matches" || op === "matches_not" || next.length > SURELY_FINE) {
      setBusy(true);
      const refused = await refusal(view, next);
      setBusy(false);
      if (refused) return setWrong(refused);
    }
    close();
    change(address.value, { filters: next, details: null });
  };

  return (
    <form class="filter-form" onSubmit={(event) => void apply(event)} noValidate>
      <h3>{edited ? "Edit the filter" : "Add a filter"}</h3>
      <DimensionSelect value={chosen} remembered={remembered} set={choose} />
      {chosen === PROPERTY && (
        <label>
          Name of the property
          <input
            class="input"
            value={property}
            maxLength={100}
            autocomplete="off"
            spellcheck={false}
            onChange={(event) => setProperty(event.currentTarget.value.trim())}
          />
        </label>
      )}
      <label>
        Condition
        <select class="input" value={op} onChange={(event) => setOp(event.currentTarget.value as Operator)}>
          {operatorsFor(chosen).map((id) => (
            <option key={id} value={id}>
              {OPERATORS[id]}
              {id.startsWith("matches") ? " pattern" : ""}
            </option>
          ))}
        </select>
      </label>
      {dimension !== PROPERTY && (
        <FilterValues
          key={`${dimension} ${isPart(op)}`}
          view={view}
          others={others}
          dimension={dimension}
          op={op}
          values={values}
          setValues={setValues}
          typed={typed}
          setTyped={(text) => {
            setTyped(text);
            setWrong("");
          }}
          suggested={suggested}
        />
      )}
      {wrong && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
      <div class="row-flex">
        <button type="submit" class="button primary" disabled={busy}>
          Apply
        </button>
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  );
}
