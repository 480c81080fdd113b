/** What the rules as they are written would make of the pages of the last 30 days. Nothing is changed by it. */
import { useState } from "preact/hooks";
import { announce } from "../../state/announce";
import type { ApiError, Site } from "../../state/api";
import { count } from "../../state/metrics";
import { asApiError, preview, written, type Draft, type Preview } from "../../state/rules";
import { Icon } from "../icon";

/** Rows shown at first. */
const ROWS = 12;

interface Line {
  path: string;
  /** null: left out */
  becomes: string | null;
  pageviews: number;
}

function lines({ changed, excluded }: Preview): Line[] {
  const all: Line[] = [...changed, ...excluded.map((page) => ({ ...page, becomes: null }))];
  return all.sort((a, b) => b.pageviews - a.pageviews || a.path.localeCompare(b.path));
}

function pages(n: number): string {
  return n === 1 ? "1 page" : `${count(n)} pages`;
}

function summary({ changed, excluded }: Preview): string {
  const views = [...changed, ...excluded].reduce((sum, page) => sum + page.pageviews, 0);
  const parts = [
    changed.length > 0 && `${pages(changed.length)} would be stored otherwise`,
    excluded.length > 0 && `${pages(excluded.length)} would be left out`,
  ].filter(Boolean);
  if (parts.length === 0) return "Every page of the last 30 days would be stored as it is.";
  return `${parts.join(", ")}: ${count(views)} page ${views === 1 ? "view" : "views"} in the last 30 days.`;
}

function Result({ found, old, threshold }: { found: Preview; old: boolean; threshold: number }) {
  const [all, setAll] = useState(false);
  const rows = lines(found);
  const shown = all ? rows : rows.slice(0, ROWS);
  return (
    <div class={old ? "is-old" : ""}>
      <p>{summary(found)}</p>
      {threshold > 1 && <p class="hint">Pages with fewer than {threshold} visitors are not listed anywhere, and so not here.</p>}
      {rows.length > 0 && (
        <table class="list plain lined preview-list">
          <caption>Pages as they are stored now, and as they would be</caption>
          <thead>
            <tr>
              <th scope="col">Stored now as</th>
              <th scope="col">Would become</th>
              <th scope="col" class="n">
                Page views
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ path, becomes, pageviews }) => (
              <tr key={path}>
                <td>{path}</td>
                <td>
                  {becomes === null ? (
                    <span class="withheld">
                      <Icon name="hide" />
                      left out
                    </span>
                  ) : (
                    <ins>{becomes}</ins>
                  )}
                </td>
                <td class="n">{count(pageviews)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length > shown.length && (
        <button type="button" class="button plain" onClick={() => setAll(true)}>
          Show all {count(rows.length)}
        </button>
      )}
    </div>
  );
}

interface Props {
  site: Site;
  draft: Draft;
  tell: (error: ApiError | null) => void;
}

export function PreviewPart({ site, draft, tell }: Props) {
  const [found, setFound] = useState<{ of: string; preview: Preview } | null>(null);
  const [busy, setBusy] = useState(false);
  const rules = written(draft);
  const key = JSON.stringify([rules.query_params, rules.path_rules, rules.excluded_paths]);
  const look = async () => {
    setBusy(true);
    try {
      const made = await preview(site.domain, rules);
      setFound({ of: key, preview: made });
      tell(null);
      announce(summary(made));
    } catch (cause) {
      tell(asApiError(cause));
    }
    setBusy(false);
  };
  const old = found !== null && found.of !== key;
  return (
    <div class="preview-part">
      <div class="row-flex">
        <button type="button" class="button" disabled={busy} onClick={() => void look()}>
          Preview
        </button>
        <span class="quiet">
          {old
            ? "The rules have changed since; preview again."
            : "Shows what these rules would make of the last 30 days. What is stored already stays as it is."}
        </span>
      </div>
      {found && <Result key={found.of} found={found.preview} old={old} threshold={site.threshold} />}
    </div>
  );
}
