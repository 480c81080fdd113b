/**
 * All rows of a list, fifty at a time and with more columns, over the report. Its address is
 * `details=…`. Fetched when it is first opened.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { address } from "../state/address";
import { report } from "../state/api";
import { compared, noComparison } from "../state/compare";
import { openTab, PANELS, type ListTab } from "../state/lists";
import { useLoad } from "../state/load";
import { count } from "../state/metrics";
import { dayRange } from "../state/days";
import { change, type View } from "../state/view";
import { Empty, Failed } from "./empty";
import { Icon } from "./icon";
import { BoneList, List, listRows } from "./list";
import { listQuery, TooFew } from "./list-panel";

const PAGE = 50;

/** The open list with all its columns. */
function detailed(view: View): ListTab | null {
  const panel = PANELS.find((one) => one.id === view.details);
  const tab = panel ? openTab(view, panel) : null;
  return tab?.dimension ? { ...tab, metrics: [...tab.metrics, ...(tab.more ?? [])] } : null;
}

export function Details({ view, whole }: { view: View; whole: number | null }) {
  const tab = detailed(view);
  const dialog = useRef<HTMLDialogElement>(null);
  const [offset, setOffset] = useState(0);
  const query = tab && compared({ ...listQuery(view, tab, PAGE + 1), pagination: { limit: PAGE + 1, offset } }, view.compare);
  const { value, stale, error, again } = useLoad(query && JSON.stringify(query), (signal) => {
    if (!query) return Promise.reject(new Error("nothing to load"));
    return report(query, signal);
  });

  useEffect(() => {
    setOffset(0);
    if (tab && !dialog.current?.open) dialog.current?.showModal();
    if (!tab) dialog.current?.close();
  }, [view.details]);

  const close = () => view.details && change(address.value, { details: null });
  const rows = tab && value ? listRows(tab, value) : [];
  const shown = rows.slice(0, PAGE);
  const none = view.compare && noComparison(value);
  return (
    <dialog
      ref={dialog}
      class="dialog wide"
      aria-label={tab ? `All ${tab.label}` : "Details"}
      onClose={close}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      {tab && (
        <>
          <header>
            <h2>{tab.label}</h2>
            <span class="quiet">{dayRange(view.span.from, view.span.to, view.today)}</span>
            <button type="button" class="button plain square" aria-label="Close" onClick={() => dialog.current?.close()}>
              <Icon name="x" />
            </button>
          </header>
          <div class={`body ${stale ? "is-stale" : ""}`} aria-busy={stale}>
            {error ? (
              <Failed error={error} again={again} />
            ) : !value ? (
              <BoneList tab={tab} />
            ) : value.meta.withheld ? (
              <TooFew view={view} answer={value} />
            ) : rows.length === 0 ? (
              <Empty icon="chart" title="No more rows" />
            ) : (
              <List view={view} tab={tab} rows={shown} whole={whole} wide changes={view.compare !== null && !none} />
            )}
          </div>
          <footer>
            <span>
              {shown.length > 0 && `${count(offset + 1)} to ${count(offset + shown.length)}`}
              {value?.meta.total_rows !== undefined && ` of ${count(value.meta.total_rows)}`}
              {none && <> · {none}</>}
            </span>
            <span class="end row-flex">
              <button type="button" class="button" disabled={offset === 0} onClick={() => setOffset(offset - PAGE)}>
                Back
              </button>
              <button type="button" class="button" disabled={rows.length <= PAGE} onClick={() => setOffset(offset + PAGE)}>
                More
              </button>
            </span>
          </footer>
        </>
      )}
    </dialog>
  );
}
