/**
 * The line that stays on top: filters on the left, period on the right. A pill's words turn "is"
 * into "is not"; its cross removes it.
 */
import { useRef, useState } from "preact/hooks";
import { address } from "../state/address";
import { dayRange } from "../state/days";
import { filterWords, turned, type Filter } from "../state/filters";
import { periodLabel, PERIODS, shifted } from "../state/period";
import { change, viewHref, type View } from "../state/view";
import { Icon } from "./icon";
import { Popover } from "./popover";

function Pill({ filter, view }: { filter: Filter; view: View }) {
  const { what, value } = filterWords(filter);
  const turn = filter.op === "is" ? "is not" : "is";
  return (
    <span class="pill">
      <button
        type="button"
        title={`Change to “${turn}”`}
        aria-label={`${what} ${value}; change to “${turn}”`}
        onClick={() => change(address.value, { filters: turned(view.filters, filter) })}
      >
        {what} <b>{value}</b>
      </button>
      <button
        type="button"
        class="drop"
        aria-label={`Remove filter: ${what} ${value}`}
        onClick={() => change(address.value, { filters: view.filters.filter((one) => one !== filter) })}
      >
        <Icon name="x" />
      </button>
    </span>
  );
}

function Pills({ view }: { view: View }) {
  if (view.filters.length === 0) {
    return (
      <p class="pills-hint only-wide">
        <Icon name="filter" />
        Click a row to filter by it
      </p>
    );
  }
  return (
    <div class="pills">
      {view.filters.map((filter) => (
        <Pill key={`${filter.op} ${filter.dimension} ${filter.value}`} filter={filter} view={view} />
      ))}
      <a class="button plain" href={viewHref(address.value, { filters: [] })}>
        Clear{view.filters.length > 1 ? " all" : ""}
      </a>
    </div>
  );
}

function CustomRange({ view, close }: { view: View; close: () => void }) {
  const [wrong, setWrong] = useState("");
  const from = useRef<HTMLInputElement>(null);
  const to = useRef<HTMLInputElement>(null);
  const apply = (event: Event) => {
    event.preventDefault();
    const days = { from: from.current?.value ?? "", to: to.current?.value ?? "" };
    if (!days.from || !days.to) return setWrong("Choose both days.");
    if (days.from > days.to) return setWrong("The first day is after the last one.");
    close();
    change(address.value, { period: { id: "custom", ...days } });
  };
  return (
    <form class="custom-range" onSubmit={apply} noValidate>
      <label>
        From
        <input ref={from} class="input" type="date" id="custom-from" value={view.span.from} max={view.today} />
      </label>
      <label>
        To
        <input ref={to} class="input" type="date" value={view.span.to} max={view.today} />
      </label>
      <button type="submit" class="button">
        Apply
      </button>
      {wrong && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
    </form>
  );
}

function PeriodMenu({ view }: { view: View }) {
  const label = view.period.id === "custom" ? dayRange(view.span.from, view.span.to, view.today) : periodLabel(view.period);
  return (
    <Popover
      id="choose-period"
      label="Period"
      kind="menu"
      align="end"
      name={`Period: ${label}`}
      buttonClass="button"
      button={
        <>
          <Icon name="calendar" />
          <span>{label}</span>
          <Icon name="down" class="caret" />
        </>
      }
      after={(close) => <CustomRange view={view} close={close} />}
    >
      {(close) => (
        <>
          {PERIODS.map((group, index) => (
            <div key={index} class="menu-group" role="group">
              {group.map((period) => (
                <a
                  key={period.id}
                  role="menuitemradio"
                  aria-checked={period.id === view.period.id}
                  href={viewHref(address.value, { period: { id: period.id, from: null, to: null } })}
                  onClick={close}
                >
                  {period.label}
                  <kbd aria-hidden="true">{period.key}</kbd>
                </a>
              ))}
            </div>
          ))}
        </>
      )}
    </Popover>
  );
}

function Step({ view, by }: { view: View; by: -1 | 1 }) {
  const to = shifted(view.span, by, view.today);
  const label = by < 0 ? "Earlier" : "Later";
  return (
    <button
      type="button"
      class="button square"
      aria-label={`${label} by ${view.span.days === 1 ? "a day" : `${view.span.days} days`}`}
      title={`${label} (${by < 0 ? "←" : "→"})`}
      disabled={!to}
      onClick={() => to && change(address.value, { period: to })}
    >
      <Icon name={by < 0 ? "left" : "right"} />
    </button>
  );
}

export function Toolbar({ view }: { view: View }) {
  return (
    <div class="toolbar" role="region" aria-label="Filters and period">
      <div>
        <Pills view={view} />
        <div class="end">
          <Step view={view} by={-1} />
          <Step view={view} by={1} />
          <PeriodMenu view={view} />
        </div>
      </div>
    </div>
  );
}
