/**
 * Parts that the first page does without: fetched when they are opened. A part that is gone, because
 * headcount was updated while the page stood open, says so.
 */
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A component that fetches another one, once; `meanwhile` stands in for it until it is there. */
export function lazy<P extends object>(fetch: () => Promise<ComponentType<P>>, meanwhile: ComponentChildren = null) {
  let made: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [Part, setPart] = useState<ComponentType<P> | null>(() => made);
    const [gone, setGone] = useState(false);
    useEffect(() => {
      if (Part) return;
      fetch().then(
        (found) => {
          made = found;
          setPart(() => found);
        },
        () => setGone(true),
      );
    }, []);
    if (Part) return <Part {...props} />;
    if (!gone) return <>{meanwhile}</>;
    return (
      <p class="gone" role="alert">
        This part could not be loaded. Load the page again.
      </p>
    );
  };
}
