/**
 * Our own script as a stand-in: the tag's attributes, `headcount()` and `plausible()` as `full.js` has
 * them, and beside that it asks whether another tool's tag counts for its sites already.
 */
import { watch } from "./elements";
import { follow, happened, reserve, view } from "./pages";
import { counting, send, type Options, type Send } from "./send";
import { has } from "./shape";
import { page } from "./silence";

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
  // a site that a tag of the same name counts for is that tag's
  const mine = names.filter((name) => name && (manual ? !counting[name] : reserve(name)));
  const to = mine.join();
  if (!to) return;

  const count: Send = (name, given) => {
    const options = money || !given ? given : { ...given, revenue: undefined };
    if (name == "pageview") view(mine, options);
    else send(name, { ...options, to });
  };
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
  watch((name, options) => (/^(Outbound Link: Click|File Download|Form: Submission|404)$/.test(name) ? happened : count)(name, options));
  take("headcount", count);
  take("plausible", count);
}
