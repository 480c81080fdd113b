/**
 * What Google's script counts by itself, under Google's names: how far a page was read, links that
 * lead away, files, forms, the site's search. For the sites whose pages this tag counts.
 *
 * `data-off="outbound downloads forms scroll search"` on the tag leaves any of it out.
 */
import { watch } from "./elements";
import { happened } from "./pages";
import { send, type Options } from "./send";
import { list } from "./shape";

/** A page is read to its end from here on (percent). */
const READ = 90;
/** Where sites have the words of a search in their addresses. */
const TERMS = ["q", "s", "search", "query", "keyword"];

const on = (feature: string) => !list("off").includes(feature);
let read = false;

/** Counts the search that a page is the result of; the page is a new one. */
export function search(url: string, to: string): void {
  read = false;
  const { searchParams } = new URL(url);
  const name = TERMS.find((one) => searchParams.get(one));
  if (name && on("search")) send("view_search_results", { u: url, props: { search_term: searchParams.get(name) }, interactive: false, to });
}

/** An event of ours under Google's name. */
function renamed(name: string, options?: Options): void {
  const url = options?.props?.url as string;
  if (name == "Form: Submission") return happened("form_submit");
  const { hostname, pathname } = new URL(url);
  if (name == "Outbound Link: Click") happened("click", { props: { link_url: url, link_domain: hostname, outbound: true } });
  else {
    const [, file_extension] = /\.(\w+)$/.exec(pathname) || [];
    happened("file_download", { props: { link_url: url, file_name: pathname, file_extension } });
  }
}

export function watchPage(): void {
  watch((name, options) => {
    if (name != "404") renamed(name, options);
  });
  addEventListener("scroll", () => {
    const depth = ((scrollY + innerHeight) / document.documentElement.scrollHeight) * 100;
    if (read || depth < READ || !on("scroll")) return;
    read = true;
    // nobody stays for having scrolled
    happened("scroll", { props: { percent_scrolled: READ }, interactive: false });
  });
  const started = new WeakSet<Element>();
  document.addEventListener(
    "change",
    ({ target }) => {
      const form = (target as Element).closest?.("form");
      if (!form || started.has(form) || !on("forms")) return;
      started.add(form);
      happened("form_start");
    },
    true,
  );
}
