/**
 * The address bar as state. The path picks the page and the query string holds everything a report
 * shows, so that Back undoes the last change and a copied address shows the same numbers.
 */
import { signal } from "@preact/signals";

function read(): URL {
  return new URL(location.href);
}

/** The address now in the bar; changes with Back and Forward too. */
export const address = signal<URL>(read());

/** Goes to a path of this dashboard. `replace` leaves no step behind for Back. */
export function go(href: string, how: "push" | "replace" = "push"): void {
  const to = new URL(href, location.href);
  if (how === "push" && to.href === location.href) return;
  const samePage = to.pathname === location.pathname;
  if (how === "push") history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  address.value = to;
  if (!samePage) scrollTo(0, 0);
}

/** Paths that another program answers: the demo site, files, the API. */
const FOREIGN = /^\/(demo|js|assets|api)(\/|$)/;

function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  // a modifier asks for a new tab or window
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
  if (FOREIGN.test(link.pathname) || link.getAttribute("href")?.startsWith("#")) return;
  event.preventDefault();
  go(link.href);
}

/** Starts listening; called once. */
export function watchAddress(): void {
  addEventListener("popstate", () => (address.value = read()));
  document.addEventListener("click", follow);
}
