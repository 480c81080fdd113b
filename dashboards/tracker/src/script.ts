/**
 * The tracker: what a site loads as `/js/script.js`. It wires pages, attention and custom events
 * to `send` and promises to stay under 1,024 bytes (brotli).
 *
 * It sets no cookie and writes nothing to the browser. It sends nothing when the visitor asks for
 * that (Do Not Track, Global Privacy Control, the opt-out flag) and when automation drives the page.
 */
import { attend, settle } from "./engagement";
import { send, type Options } from "./send";

const page = window as unknown as Record<string, any>;
let path: string | undefined;

/** Counts the page in view; a move within the same path (a fragment, a query) is none. */
function view(): void {
  if (path !== location.pathname) {
    path = location.pathname;
    settle();
    attend();
    send("pageview");
  }
}

/** Takes over a global name, unless somebody else's real function has it, and replays its queue. */
function take(name: string): void {
  const held = page[name];
  if (!held || held.q) {
    page[name] = send;
    for (const call of (held && held.q) || []) send(call[0], call[1] as Options);
  }
}

// the mark keeps a second copy of the tag from counting everything twice
if (!page.__headcount) {
  page.__headcount = 1;

  const push = history.pushState;
  history.pushState = function () {
    push.apply(this, arguments as any);
    view();
  };
  addEventListener("popstate", view);
  addEventListener("pageshow", (event) => {
    // back from the browser's page cache: the script does not run again, but the page is seen again
    if (event.persisted) {
      path = undefined;
      view();
    }
  });

  view();
  take("headcount");
  take("plausible");
}
