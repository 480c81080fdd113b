/**
 * What people do on a page without the site's own code: links that lead away, files, forms, and
 * elements that the site marked. Part of `full.js` only.
 *
 * An action is one event: a mark comes first, then a link that leads away, then a file.
 */
import type { Options, Send } from "./send";
import { has, list, properties } from "./shape";

/** Endings of files, unless the tag says otherwise. */
const FILES =
  "pdf xlsx docx txt rtf csv exe key pps ppt pptx 7z pkg rar gz zip avi mov mp4 mpeg wmv midi mp3 wav wma dmg";
/** How far above the element that was used a mark is looked for. */
const PARENTS = 3;
/** Of the mouse's buttons, the one that opens a link in a new tab. */
const MIDDLE = 1;

/** The event an element is marked with, by class or by attribute. */
function mark(element: Element): [string, Options] | undefined {
  const props: Record<string, string> = properties(element, /^data-headcount-prop-(.+)/);
  const money = properties(element, /^data-headcount-revenue-(.+)/);
  let name = element.getAttribute("data-headcount-event");
  for (const one of Array.from(element.classList)) {
    const match = /^plausible-(event|revenue)-(.+?)(?:=|--)(.+)/.exec(one);
    if (match) {
      const value = match[3].replace(/\+/g, " ");
      if (match[1] == "revenue") money[match[2]] = value;
      else if (match[2] == "name") name = name || value;
      else props[match[2]] = value;
    }
  }
  if (name) return [name, { props, revenue: money.amount ? (money as any) : undefined }];
}

/** The mark of an element or of one above it; a form is used by sending it, not by a click in it. */
function marked(start: Element): [string, Options] | undefined {
  let element: Element | null = start;
  for (let up = 0; element && up <= PARENTS; up++) {
    if (element != start && element.tagName == "FORM") return;
    const found = mark(element);
    if (found) return found;
    element = element.parentElement;
  }
}

/** Listens, and counts with `count`. */
export function watch(count: Send): void {
  const off = list("off");
  const on = (feature: string) => !off.includes(feature);
  const types = list("file-types");
  const files = (types[0] ? types : FILES.split(" ")).concat(list("add-file-types"));

  function used(event: Event): void {
    const target = event.target as Element;
    // what code of the page sends to the document itself is no use of an element
    if (!target.closest || (event.type == "auxclick" && (event as MouseEvent).button != MIDDLE)) return;
    const isForm = event.type == "submit";
    const found = on("tagged") && (isForm || target.tagName != "FORM") && marked(target);
    const link = isForm ? null : (target.closest("a[href],area[href]") as HTMLAnchorElement | null);
    // neither query, fragment nor a password in the address leaves the browser
    const url = link && link.host && link.origin + link.pathname;
    if (found) {
      if (url) found[1].props = { url, ...found[1].props };
      count(...found);
    } else if (isForm) {
      if (on("forms")) count("Form: Submission");
    } else if (url && link.host != location.host && on("outbound")) {
      count("Outbound Link: Click", { props: { url } });
    } else if (url && on("downloads") && files.includes((/\.(\w+)$/.exec(link.pathname.toLowerCase()) || "")[1])) {
      count("File Download", { props: { url } });
    }
  }

  for (const type of ["click", "auxclick", "submit"]) document.addEventListener(type, used, true);
  if (has("404")) count("404");
}
