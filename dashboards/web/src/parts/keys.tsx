/**
 * Keys of the report: periods, earlier and later, other site, clear filters, help. Ignored while
 * typing and with a modifier.
 */
import { useEffect, useRef } from "preact/hooks";
import { address } from "../state/address";
import { canCompare } from "../state/compare";
import { PERIODS, shifted } from "../state/period";
import { change, type View } from "../state/view";
import { Icon } from "./icon";

const BY_KEY = new Map(PERIODS.flat().map((period) => [period.key.toLowerCase(), period.id]));

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, select, textarea, [contenteditable]");
}

function open(id: string): void {
  document.getElementById(id)?.showPopover();
}

/** What only the report knows: comparison and filters. */
const OF_THE_REPORT = ["x", "/", "escape"];

/** Does what a key says; true when it meant something. */
function act(key: string, view: View, help: () => void): boolean {
  const period = BY_KEY.get(key);
  if (period) change(address.value, { period: { id: period, from: null, to: null } });
  else if (key === "arrowleft" || key === "arrowright") {
    const to = shifted(view.span, key === "arrowleft" ? -1 : 1, view.today);
    if (to) change(address.value, { period: to });
  } else if (key === "c") {
    open("choose-period");
    setTimeout(() => document.getElementById("custom-from")?.focus(), 60);
  } else if (key === "x" && canCompare(view.period)) {
    change(address.value, { compare: view.compare ? null : { mode: "previous_period", weekday: false } });
  } else if (key === "/") open("add-filter");
  else if (key === "s") open("switch-site");
  else if (key === "escape" && view.filters.length > 0) change(address.value, { filters: [] });
  else if (key === "?") help();
  else return false;
  return true;
}

/** `daysOnly`: a page that is chosen by its days alone. */
export function Keys({ view, daysOnly = false }: { view: View; daysOnly?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const seen = useRef(view);
  seen.current = view;

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      // what is open has the keys to itself; Esc closes it
      if (document.querySelector("dialog[open], [popover]:popover-open")) return;
      if (daysOnly && OF_THE_REPORT.includes(event.key.toLowerCase())) return;
      if (act(event.key.toLowerCase(), seen.current, () => dialog.current?.showModal())) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  const more: [string, string][] = [
    ["Custom range", "C"],
    ["Earlier, later", "← →"],
    ["Other site", "S"],
    ["This help", "?"],
  ];
  if (!daysOnly) more.push(["Compare", "X"], ["Add a filter", "/"], ["Clear filters", "Esc"]);
  const all = [...PERIODS.flat().map((period): [string, string] => [period.label, period.key]), ...more];
  return (
    <dialog ref={dialog} class="dialog" aria-label="Keys" onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
      <header>
        <h2>Keys</h2>
        <button type="button" class="button plain square" aria-label="Close" onClick={() => dialog.current?.close()}>
          <Icon name="x" />
        </button>
      </header>
      <ul class="keys-list">
        {all.map(([label, key]) => (
          <li key={label}>
            {label}
            <kbd>{key}</kbd>
          </li>
        ))}
      </ul>
    </dialog>
  );
}
