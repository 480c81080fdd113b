/**
 * `/script.js`: several tools call their script so. The tag's attributes say which one is meant:
 * `data-website-id` Umami, `data-domain` our own (as Plausible's), `data-entity` Liwan, `data-site-id`
 * (or `?siteId=`) Rybbit. One tag, one tool.
 */
import "./tags-tag";
import { first, off } from "./stand";
import { watch } from "./elements";
import { start } from "./own";
import { clicks, pages } from "./tags-parts";
import { happened, named, view } from "./pages";
import type { Options } from "./send";
import { page, sets, tag } from "./silence";
import { umami } from "./umami";

/** Liwan: the entity is the name of a site; page views and nothing else. */
function liwan(entity: string): void {
  pages([entity]);
}

/**
 * Rybbit: its numbers are no names here, the page's host is. `identify`, `setTraits` and
 * `clearUserId` are accepted and keep nothing.
 */
function rybbit(): void {
  if (!first("rybbit")) return;
  const to = location.hostname.replace(/^www\./, "");
  const event = (name: string, props?: Options["props"]) => named(name, { props, to });
  const none = () => {};
  page.rybbit = page.rybbit || {
    pageview: () => view([to]),
    event,
    trackOutbound: (url: string) => event("Outbound Link: Click", { url }),
    identify: none,
    setTraits: none,
    clearUserId: none,
    getUserId: () => null,
    startSessionReplay: none,
    stopSessionReplay: none,
  };
  if (sets.autoTrackPageview != "false") pages([to], sets.trackSpa == "false");
  off("tagged", "forms", "downloads");
  if (sets.trackOutbound != "false") watch(happened);
  clicks("rybbit-event", "rybbit-prop", event);
}

if (sets.websiteId) umami(sets.websiteId);
else if (sets.domain) start(sets.domain.split(","));
else if (sets.entity) liwan(sets.entity);
else if (sets.siteId || /[?&]siteId=/.test(tag.src)) rybbit();
else {
  console.warn("headcount counts nothing: the tag of this script must have data-website-id, data-domain, data-entity or data-site-id");
}
