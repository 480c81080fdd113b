/**
 * A list of values: a table whose rows are links that filter the page. The bar behind a name is its
 * share of the first row. Groups too small to show are one hatched row, last, and no link.
 */
import { address } from "../state/address";
import type { Answer, Row } from "../state/api";
import { beforeOf } from "../state/compare";
import { dimensionOf, NOT_SET, OTHER, valueLabel } from "../state/dimensions";
import { isPicked, toggled } from "../state/filters";
import type { ListTab } from "../state/lists";
import { columnTitle, percent, text } from "../state/metrics";
import { viewHref, type View } from "../state/view";
import { Bone } from "./empty";
import { Icon } from "./icon";
import { Changed } from "./tiles";

interface Props {
  view: View;
  tab: ListTab;
  rows: Row[];
  /** all visitors of the range, for the share; null while not known */
  whole: number | null;
  /** all columns, the first metric first: the details */
  wide?: boolean;
  /** what became of the first metric since the period compared with */
  changes?: boolean;
}

/** Beyond this a path is shown as its first part, "…" and its last part (characters). */
const LONG_PATH = 38;

function shortPath(path: string): string {
  const parts = path.split("/");
  if (path.length <= LONG_PATH || parts.length < 4) return path;
  return `/${parts[1]}/…/${parts.at(-1)}`;
}

function Name({ tab, value }: { tab: ListTab; value: string }) {
  const kind = dimensionOf(tab.dimension)?.kind;
  const named = valueLabel(tab.dimension, value);
  const label = tab.before && named !== NOT_SET ? `${tab.before} ${named}` : named;
  const shown = kind === "path" ? shortPath(label) : label;
  return (
    <>
      {kind === "country" && (
        <span class="code2" aria-hidden="true">
          {/^[A-Z]{2}$/.test(value) ? value : "–"}
        </span>
      )}
      {tab.dimension === "visit:source" && (
        <span class="site-mark" aria-hidden="true">
          {label[0]}
        </span>
      )}
      <span class="cut" title={label}>
        {shown === label ? (
          label
        ) : (
          <>
            <span class="unseen">{label}</span>
            <span aria-hidden="true">{shown}</span>
          </>
        )}
      </span>
    </>
  );
}

/** Cells in reading order: in a panel the first metric stands last, at the edge; in the details first. */
function ordered<T>(main: T, others: T[], wide: boolean): T[] {
  return wide ? [main, ...others] : [...others.reverse(), main];
}

function ListRow({ view, tab, row, first, whole, wide = false, changes }: Props & { row: Row; first: number }) {
  const value = row.dimensions[0] ?? "";
  const [main = null, ...others] = row.metrics;
  const visitors = row.metrics[tab.metrics.indexOf("visitors")] ?? null;
  const rest = value === OTHER;
  const picked = isPicked(view.filters, tab.dimension, value);
  const share = first > 0 ? Math.min(100, ((main ?? 0) / first) * 100) : 0;
  const cells = others.map((metric, index) => (
    <td key={index} class="n wide-only">
      {text(tab.metrics[index + 1] ?? "", metric)}
    </td>
  ));
  if (tab.metrics.length === 1) {
    cells.push(
      <td key="share" class="n of wide-only">
        {visitors === null || whole === null ? "" : percent(visitors, whole)}
      </td>,
    );
  }
  if (changes) {
    cells.unshift(
      <td key="change" class="n wide-only">
        {!rest && <Changed metric={tab.metrics[0] ?? ""} now={main} before={beforeOf(row, 0)} open={view.span.to === view.today} />}
      </td>,
    );
  }
  const last = (
    <td key="main" class="n">
      {text(tab.metrics[0] ?? "", main)}
    </td>
  );
  return (
    <tr class={rest ? "rest" : picked ? "is-picked" : ""}>
      <th scope="row" class="name" style={{ "--share": `${share.toFixed(1)}%` }}>
        {rest ? (
          <span class="cell">
            <Icon name="hide" />
            <span>(other)</span>
          </span>
        ) : (
          <a
            href={viewHref(address.value, { filters: toggled(view.filters, tab.dimension, value), details: null })}
            aria-current={picked ? "true" : undefined}
          >
            <Name tab={tab} value={value} />
            <Icon name={picked ? "x" : "filter"} class="go" />
          </a>
        )}
      </th>
      {ordered(last, cells, wide)}
    </tr>
  );
}

function Head({ tab, wide = false, changes }: { tab: ListTab; wide?: boolean; changes?: boolean }) {
  const [main = "", ...others] = tab.metrics;
  const titles = others.map(columnTitle);
  if (others.length === 0) titles.push("Share");
  if (changes) titles.unshift("Change");
  const cells = titles.map((title) => (
    <th key={title} scope="col" class="n wide-only">
      {title}
    </th>
  ));
  const last = (
    <th key="main" scope="col" class="n" aria-sort="descending">
      {columnTitle(main)}
    </th>
  );
  return (
    <thead>
      <tr>
        <th scope="col">{dimensionOf(tab.dimension)?.name}</th>
        {ordered(last, cells, wide)}
      </tr>
    </thead>
  );
}

function caption(tab: ListTab): string {
  return `${tab.label} by ${columnTitle(tab.metrics[0] ?? "").toLowerCase()}`;
}

export function List(props: Props) {
  const { tab, rows } = props;
  // "(other)" may be the largest of all; bars measure the groups that have a name
  const first = Math.max(0, ...rows.filter((row) => row.dimensions[0] !== OTHER).map((row) => row.metrics[0] ?? 0));
  return (
    <table class="list">
      <caption>{caption(tab)}</caption>
      <Head tab={tab} wide={props.wide} changes={props.changes} />
      <tbody>
        {rows.map((row) => (
          <ListRow key={row.dimensions[0]} {...props} row={row} first={first} />
        ))}
      </tbody>
    </table>
  );
}

const WIDTHS = [9, 7, 11, 6, 8, 5, 7.5];

/** The frame of a list with bones where the rows will be. */
export function BoneList({ tab }: { tab: ListTab }) {
  return (
    <table class="list plain" aria-busy="true">
      <caption>{caption(tab)}, loading</caption>
      <Head tab={tab} />
      <tbody>
        {WIDTHS.map((width) => (
          <tr key={width}>
            <td class="name">
              <span class="cell">
                <Bone width={width} />
              </span>
            </td>
            <td class="n wide-only" />
            <td class="n">
              <Bone width={2.5} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The rows of an answer that belong in a list, "(other)" last. */
export function listRows(tab: ListTab, answer: Answer): Row[] {
  return answer.results.filter((row) => !tab.without?.includes(row.dimensions[0] ?? ""));
}
