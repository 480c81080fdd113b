/**
 * Attention: how long the page was both visible and focused, and how far down it was seen.
 * Reported when attention ends (another tab, another window, the next page), and only if there is
 * something new: deeper than before, or at least three seconds more.
 */
import { send } from "./send";

/** Less new attention than this is not worth a request (milliseconds). */
const WORTH_SENDING = 3000;

let address: string | undefined;
/** when the running stretch of attention began; 0 while there is none */
let since = 0;
let spent = 0;
/** deepest point seen, in pixels from the top */
let deepest = 0;
let reported = 0;

function look(): void {
  deepest = Math.max(deepest, scrollY + innerHeight);
}

/** Ends the running stretch, and begins the next one if the page still has attention. */
function measure(): void {
  const now = Date.now();
  if (since) spent += now - since;
  since = !document.hidden && document.hasFocus() ? now : 0;
}

/** Reports what is new about the page in view, if anything is. */
export function settle(): void {
  measure();
  if (address) {
    const depth = Math.max(reported, Math.min(100, ((deepest / document.documentElement.scrollHeight) * 100 + 0.5) | 0));
    if (depth > reported || spent >= WORTH_SENDING) {
      send("engagement", { u: address }, { sd: depth, e: spent });
      reported = depth;
      spent = 0;
    }
  }
}

/** Turns to the page now in view, or to the one that the site says it is. */
export function attend(named?: string): void {
  address = named || location.href;
  spent = deepest = reported = 0;
  look();
}

addEventListener("scroll", look);
for (const type of ["visibilitychange", "blur", "focus"]) {
  addEventListener(type, () => {
    measure();
    if (!since) settle();
  });
}
