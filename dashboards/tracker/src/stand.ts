/**
 * What a stand-in (a script under another tool's name) says to the files that it shares with ours.
 * Each stand-in has one of its own. `tag` must be set before `silence` is loaded: whoever sets it is
 * imported first.
 */
import type { Event } from "./shape";

export interface Stand {
  /** the tag as ours would be written, where the tool writes it otherwise; it is in no document */
  tag?: HTMLScriptElement;
  /** properties of all events */
  props?: Record<string, unknown> | ((name: string) => Record<string, unknown> | undefined);
  /** the site's own hook; nothing is sent when it gives nothing */
  transform?: (event: Event) => unknown;
  /** consent is asked for and not given (yet) */
  denied?: boolean;
}

export const stand: Stand = {};

/** A copy of a tag (the one that is loading this file), to be written otherwise; `drop` leaves attributes out. */
export function copy(drop?: RegExp, given: Element | null = document.currentScript): HTMLScriptElement {
  const made = document.createElement("script");
  for (const { name, value } of given ? Array.from(given.attributes) : []) {
    if (!drop?.test(name)) made.setAttribute(name, value);
  }
  return (stand.tag = made);
}

/** Whether this is the first copy of our file for a name: a tag may stand twice on a page. */
export function first(name: string): boolean {
  const here: Record<string, unknown> = ((window as any).__headcount_tags = (window as any).__headcount_tags || {});
  return !here[name] && !!(here[name] = 1);
}

/** Switches automatic events off, as `data-off` does; what the tag itself says is added to. */
export function off(...features: string[]): void {
  stand.tag!.dataset.off = [stand.tag!.dataset.off, ...features].join(" ");
}

/** A function that does what it is told once. */
export function once<T extends unknown[]>(act?: (...given: T) => void): (...given: T) => void {
  return (...given) => {
    const now = act;
    act = undefined;
    now?.(...given);
  };
}

/** Runs code of the page's: what breaks there breaks nothing here. */
export function tried(act: () => void): void {
  try {
    act();
  } catch (failed) {
    console.error(failed);
  }
}
