/**
 * `/js/script.FEATURES.js` and `/js/plausible.FEATURES.js`, of which only the named features are on,
 * and `/js/pa-….js`, which waits for `plausible.init({…})`. What a site's Plausible snippet loads after
 * its host was changed.
 */
import { features, site } from "./plausible-tag";
import { start } from "./own";
import { page, sets } from "./silence";
import { off, stand } from "./stand";
import type { Event } from "./shape";

/** What `plausible.init` may be told. `logging` and `bindToWindow` are accepted and do nothing. */
interface Init {
  domain?: string;
  endpoint?: string;
  hashBasedRouting?: boolean;
  outboundLinks?: boolean;
  fileDownloads?: boolean | { fileExtensions?: string[] };
  formSubmissions?: boolean;
  captureOnLocalhost?: boolean;
  autoCapturePageviews?: boolean;
  customProperties?: typeof stand.props;
  transformRequest?: (payload: Event) => unknown;
}

let started = false;

/** Starts as told; a second call does nothing. */
function init(given: Init = {}): void {
  if (started) return;
  started = true;
  if (given.endpoint) sets.api = given.endpoint;
  if (given.hashBasedRouting) sets.hash = "";
  if (given.captureOnLocalhost) sets.local = "";
  if (given.autoCapturePageviews == false) sets.manual = "";
  if (given.outboundLinks == false) off("outbound");
  if (given.fileDownloads == false) off("downloads");
  if (given.formSubmissions == false) off("forms");
  const endings = given.fileDownloads && (given.fileDownloads as { fileExtensions?: string[] }).fileExtensions;
  if (endings) sets.fileTypes = endings.join(" ");
  stand.props = given.customProperties;
  stand.transform = given.transformRequest;
  start(given.domain ? given.domain.split(",") : ["plausible:" + site]);
  page.plausible.l = true;
  page.plausible.init = init;
}

if (features) {
  if (sets.domain) start(sets.domain.split(","), features.includes("revenue"));
} else {
  const stub = (page.plausible =
    page.plausible ||
    function () {
      (page.plausible.q = page.plausible.q || []).push(arguments);
    });
  // `o` holds what the page's own `init` was told before this file came
  if (stub.o) init(stub.o);
  else if (!stub.l) stub.init = init;
}
