/**
 * Our own script as a stand-in: the tag's attributes, `headcount()` and `plausible()` as `full.js` has
 * them, and beside that it asks whether another tool's tag counts for its sites already.
 */
import { watch } from "./elements";
import { apart, follow, happened, reserve, view } from "./pages";
import { counting, send, type Options, type Send } from "./send";
import { has, list } from "./shape";
import { page, silent } from "./silence";
import { first } from "./stand";

/** Takes over a global name, unless somebody else's real function has it, and replays its queue. */
function take(name: string, count: Send): void {
  const held = page[name];
  // whoever waits for a script keeps calls in `q`, be it that none came yet
  if (!held || /\.q\b/.test(held)) {
    page[name] = Object.assign(
      (event: string, options?: Options) => counting.forEach((one) => one(event, options)),
      held,
    );
  }
  held?.q?.forEach((call: [string, Options]) => count(...call));
}

/** Counts for these sites; without `money` revenue is not sent. */
export function start(names: string[], money = true): void {
  const manual = has("manual");
  const part = list("off").includes("tagged") ? "calls" : "marks";
  // a site that a tag of the same name counts for is that tag's
  const takes = (name: string) => (manual || silent() ? !counting[name] && first(name) : reserve(name, part));
  const mine = names.filter((name) => name && takes(name));
  if (!mine[0]) return;

  /** An event of the page's, which a tag before this one may have counted for the same site. */
  const counter =
    (marks: boolean): Send =>
    (name, given) => {
      const options = money || !given ? given : { ...given, revenue: undefined };
      if (name == "pageview") return view(mine, options);
      const u = options?.u || options?.url || location.href;
      apart(mine, marks, (to) => {
        if (to[0]) send(name, { ...options, u, to: to.join() });
      });
    };
  const count = counter(false);
  counting.push(count);
  if (!manual) {
    const hash = has("hash");
    const path = () => location.pathname + (hash ? location.hash : "");
    let current = path();
    const moved = (again?: boolean) => {
      if (current == path() && !again) return;
      current = path();
      view(mine);
    };
    follow(moved);
    if (hash) addEventListener("hashchange", () => moved());
    view(mine);
  }
  // what the page's code marks is its own event; what merely happens is not counted twice
  watch((name, options) => (/^(Outbound Link: Click|File Download|Form: Submission|404)$/.test(name) ? happened : counter(true))(name, options));
  take("headcount", count);
  take("plausible", count);
}
