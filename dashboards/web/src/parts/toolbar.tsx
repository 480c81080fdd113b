/** The line that stays on top: filters on the left, comparison and period on the right. */
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { address } from "../state/address";
import { dayRange } from "../state/days";
import { periodLabel, PERIODS, shifted } from "../state/period";
import { change, viewHref, type View } from "../state/view";
import { CompareMenu } from "./compare";
import { Icon } from "./icon";
import { Pills } from "./pills";
import { Popover } from "./popover";

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

function Days({ view }: { view: View }) {
  return (
    <>
      <Step view={view} by={-1} />
      <Step view={view} by={1} />
      <PeriodMenu view={view} />
    </>
  );
}

/** The period alone, for pages that know no filters; `children` stand on the left. */
export function DaysBar({ view, children }: { view: View; children?: ComponentChildren }) {
  return (
    <div class="toolbar" role="region" aria-label="Period">
      <div>
        {children}
        <div class="end">
          <Days view={view} />
        </div>
      </div>
    </div>
  );
}

export function Toolbar({ view }: { view: View }) {
  return (
    <div class="toolbar" role="region" aria-label="Filters, comparison and period">
      <div>
        <Pills view={view} />
        <div class="end">
          <CompareMenu view={view} />
          <Days view={view} />
        </div>
      </div>
    </div>
  );
}
