/**
 * Consent, as pages say it to the tools that ask for it. While it is not given nothing leaves the
 * page; what happened meanwhile waits in memory and goes when the answer is yes. A no forgets it.
 */
import { stand } from "./stand";

/** So many events may wait; what comes after them is lost. */
const WAITING = 100;

let waiting: (() => void)[] | undefined;

/** Does something now, or once consent is given; `lost` when it never will. */
export function consented(act: () => void, lost?: () => void): void {
  if (waiting) {
    if (waiting.length < WAITING) waiting.push(act);
    else lost?.();
  } else act();
}

/** From now on consent has to be given first. */
export function hold(): void {
  waiting = waiting || [];
  stand.denied = true;
}

/** Consent is given: what waited goes. */
export function grant(): void {
  const held = waiting || [];
  waiting = undefined;
  stand.denied = false;
  held.forEach((act) => act());
}

/** Consent is refused: what waited is forgotten, what comes is not sent and calls back with nothing. */
export function refuse(): void {
  waiting = undefined;
  stand.denied = true;
}
