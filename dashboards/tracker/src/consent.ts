/**
 * Consent, as pages say it to the tools that ask for it. While it is not given nothing leaves the
 * page; what happened meanwhile waits in memory and goes when the answer is yes. A no forgets it, but
 * for the page in view: a yes that comes after all counts that one.
 */
import { stand } from "./stand";

/** So many events may wait; what comes after them is lost. */
const WAITING = 100;

interface Held {
  act: () => void;
  /** when it will never go */
  lost?: () => void;
  /** of a page view: for whom */
  view?: string;
}

let waiting: Held[] | undefined;
/** While consent is refused: the page in view, for each that would count it. */
let refused: Record<string, () => void> | undefined;

/** Does something now, or once consent is given; `lost` when it never will. */
export function consented(act: () => void, lost?: () => void, view?: string): void {
  if (refused) {
    if (view != null) refused[view] = act;
    lost?.();
  } else if (waiting) {
    if (waiting.length < WAITING) waiting.push({ act, lost, view });
    else lost?.();
  } else act();
}

/** From now on consent has to be given first. */
export function hold(): void {
  if (!refused) waiting = waiting || [];
  stand.denied = true;
}

/** Consent is given: what waited goes. */
export function grant(): void {
  const held = (waiting || []).map(({ act }) => act).concat(Object.values(refused || {}));
  waiting = refused = undefined;
  stand.denied = false;
  held.forEach((act) => act());
}

/** Consent is refused: what waited is forgotten and called back, as what comes is. */
export function refuse(): void {
  const held = waiting || [];
  waiting = undefined;
  refused = refused || {};
  stand.denied = true;
  for (const { act, lost, view } of held) consented(act, lost, view);
}
