/** The control that puts another period beside this one. */
import { address } from "../state/address";
import { canCompare, MODES, type Compare } from "../state/compare";
import { viewHref, type View } from "../state/view";
import { Icon } from "./icon";
import { Popover } from "./popover";

interface EntryProps {
  label: string;
  kind: "radio" | "checkbox";
  on: boolean;
  to: Compare | null;
  close: () => void;
  shortcut?: string | undefined;
}

function Entry({ label, kind, on, to, close, shortcut }: EntryProps) {
  return (
    <a role={`menuitem${kind}`} aria-checked={on} href={viewHref(address.value, { compare: to })} onClick={close}>
      {label}
      {kind === "checkbox" && on && <Icon name="check" class="end-mark" />}
      {shortcut && <kbd aria-hidden="true">{shortcut}</kbd>}
    </a>
  );
}

export function CompareMenu({ view }: { view: View }) {
  const { compare } = view;
  const possible = canCompare(view.period);
  const mode = MODES.find((one) => one.id === compare?.mode);
  const weekday = compare?.weekday ?? false;
  return (
    <Popover
      id="choose-compare"
      label="Compare"
      kind="menu"
      align="end"
      name={`Compare: ${mode ? mode.label.toLowerCase() + (weekday ? ", matching days of the week" : "") : "off"}`}
      title={possible ? undefined : "All time has nothing before it"}
      disabled={!possible}
      buttonClass={`button ${mode ? "is-on" : ""}`}
      button={
        <>
          <Icon name="compare" />
          <span class="only-wide">{mode?.label ?? "Compare"}</span>
          <Icon name="down" class="caret" />
        </>
      }
    >
      {(close) => (
        <>
          <div class="menu-group" role="group">
            <Entry label="No comparison" kind="radio" on={!mode} to={null} close={close} />
            {MODES.map((one) => (
              <Entry
                key={one.id}
                label={one.label}
                kind="radio"
                on={one === mode}
                to={{ mode: one.id, weekday }}
                close={close}
                shortcut={one === MODES[0] ? "X" : undefined}
              />
            ))}
          </div>
          <div class="menu-group" role="group">
            <Entry
              label="Match days of the week"
              kind="checkbox"
              on={weekday}
              to={{ mode: mode?.id ?? "previous_period", weekday: !weekday }}
              close={close}
            />
          </div>
        </>
      )}
    </Popover>
  );
}
