/** What the smaller stand-ins have in common: page views by themselves, and elements that the page marked. */
import { follow, view } from "./pages";
import type { Options } from "./send";
import { properties } from "./shape";

/** Counts the page in view, and those it turns into without loading; `path` says what one page is. */
export function pages(names: string[], still?: boolean, path = () => location.pathname): void {
  let current = path();
  if (!still) {
    follow((again) => {
      if (current == path() && !again) return;
      current = path();
      view(names);
    }, true);
  }
  view(names);
}

/** Calls for clicks on elements with `data-MARK="name"`, and what `data-PROPS-*` say. */
export function clicks(mark: string, props: string, count: (name: string, props: Options["props"]) => void): void {
  const named = RegExp(`^data-${props}-(.+)`);
  document.addEventListener(
    "click",
    ({ target }) => {
      const element = (target as Element).closest?.(`[data-${mark}]`);
      const name = element?.getAttribute("data-" + mark);
      if (name) count(name, properties(element!, named));
    },
    true,
  );
}
