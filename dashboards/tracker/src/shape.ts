/**
 * What `full.js` does to an event before it is sent: pages left out, properties of the tag and of
 * the page, the site's own hook.
 */
import { page, sets, tag } from "./silence";
import { stand } from "./stand";

/** An event as it is sent; the names are those of the wire format. */
export interface Event {
  n: string;
  u: string;
  d: string;
  p?: Record<string, unknown>;
  /** 1: the fragment belongs to the path */
  h?: number;
  [other: string]: unknown;
}

/** Whether the tag carries a `data-` attribute, with or without a value. */
export function has(name: string): boolean {
  return sets[name] != null;
}

/** A list of the tag, with or without `data-` before its name, as older tags have it. */
export function list(name: string): string[] {
  const text = tag.getAttribute("data-" + name) || tag.getAttribute(name) || "";
  return text.split(/[\s,]+/).filter(Boolean);
}

/** Properties in the attributes of an element: what `pattern` captures is the name. */
export function properties(element: Element, pattern: RegExp): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, value } of Array.from(element.attributes)) {
    const match = pattern.exec(name);
    if (match) found[match[1]] = value;
  }
  return found;
}

/** `**` stands for anything, `*` for anything within one segment; a slash at the end is no matter. */
function matches(path: string, pattern: string): boolean {
  const source = pattern.replace(/\*+|[^*\w/]/g, (part) =>
    part[0] != "*" ? "\\" + part : part[1] ? ".*" : "[^\\s/]*",
  );
  return RegExp(`^${source}/?$`).test(path);
}

/** Whether the tag leaves the page at this address out. */
function left(address: string): boolean {
  const { pathname, hash } = new URL(address, location.href);
  const path = pathname + (has("hash") ? hash : "");
  const among = (name: string) => list(name).some((pattern) => matches(path, pattern));
  return (has("include") && !among("include")) || among("exclude");
}

/** Adds the properties of the tag and of the page; the event's own come before them. */
export function complete(event: Event): void {
  const given = STAND_IN && stand.props ? stand.props : page.headcount && page.headcount.props;
  event.p = {
    ...properties(tag, /^(?:data-prop|event)-(.+)/),
    ...(typeof given == "function" ? given(event.n) : given),
    ...event.p,
  };
  if (has("hash")) event.h = 1;
}

/**
 * The text to send for an event, or nothing: for pages left out, and when the site's own hook says
 * so. `complete` may add to it first.
 */
export function shape(event: Event, complete?: (event: Event) => void): string | undefined {
  try {
    if (left(event.u)) return;
    complete?.(event);
    const shaped =
      STAND_IN && stand.transform
        ? stand.transform(event)
        : sets.transform
          ? page[sets.transform](event)
          : event;
    return shaped && JSON.stringify(shaped);
  } catch (failed) {
    // what failed may be what takes a secret out: without it nothing is sent, and the page goes on
    console.error(failed);
  }
}
