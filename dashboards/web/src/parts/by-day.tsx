/** Columns of a period, one for each day, week or month; the same numbers stand beside it as a table. */
import { dayRange, longDay } from "../state/days";
import { count } from "../state/metrics";
import type { Column } from "../state/refusals";

interface Props {
  columns: Column[];
  today: string;
  /** what is counted, for the table */
  what: string;
}

export function ByDay({ columns, today, what }: Props) {
  const most = Math.max(1, ...columns.map(({ events }) => events));
  const [first, last] = [columns[0], columns.at(-1)];
  const when = ({ from, to }: Column) => (from === to ? longDay(from) : dayRange(from, to, today));
  const top = columns.find(({ events }) => events === most);
  return (
    <figure class="by-day">
      <figcaption>{top ? `Most: ${count(top.events)}, ${when(top)}` : ""}</figcaption>
      <div class="columns" aria-hidden="true">
        {columns.map((column) => (
          <i key={column.from} title={`${when(column)}: ${count(column.events)}`} class={column.events === 0 ? "none" : ""} style={{ "--h": `${((column.events / most) * 100).toFixed(1)}%` }} />
        ))}
      </div>
      <div class="ends" aria-hidden="true">
        <span>{first && dayRange(first.from, first.from, today)}</span>
        <span>{last && dayRange(last.to, last.to, today)}</span>
      </div>
      <table class="unseen">
        <caption>{what} by day</caption>
        <thead>
          <tr>
            <th scope="col">Days</th>
            <th scope="col">{what}</th>
          </tr>
        </thead>
        <tbody>
          {columns.map((column) => (
            <tr key={column.from}>
              <th scope="row">{when(column)}</th>
              <td>{count(column.events)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
