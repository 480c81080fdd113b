/** How a site moves here from another tool: the one change to the tag that is there. */
import { useState } from "preact/hooks";
import { siteHref } from "./frame";
import { Snippet, type Host } from "./snippet";
import { Tabs } from "./tabs";

interface Way {
  id: string;
  label: string;
  /** the tag afterwards; the host is what changed */
  code: (host: string, domain: string) => string;
  about: string;
  /** what is not the same */
  differs: string;
}

const bare = (host: string) => host.replace(/^https?:/, "");

const WAYS: Way[] = [
  {
    id: "plausible",
    label: "Plausible",
    code: (host, domain) => `<script defer data-domain="${domain}" src="${host}/js/script.js"></script>`,
    about: "Change the host in src. File names such as script.outbound-links.js, the newer pa-….js with plausible.init, and calls of plausible() stay as they are.",
    differs: "Own properties are stored when the site lists them under Settings.",
  },
  {
    id: "umami",
    label: "Umami",
    code: (host) => `<script defer src="${host}/script.js" data-website-id="YOUR-WEBSITE-ID"></script>`,
    about: "Change the host in src (and in data-host-url, if it is there). umami.track() and data-umami-event stay as they are.",
    differs: "umami.identify() is accepted and keeps nothing: nobody is known beyond the day.",
  },
  {
    id: "ga4",
    label: "Google Analytics",
    code: (host) =>
      `<script async src="${host}/gtag/js?id=G-XXXXXXX"></script>\n<script>\n  window.dataLayer = window.dataLayer || [];\n  function gtag(){dataLayer.push(arguments);}\n  gtag('js', new Date());\n  gtag('config', 'G-XXXXXXX');\n</script>`,
    about: "Change www.googletagmanager.com in the first line. Events, e-commerce and consent calls stay as they are. From a server: /mp/collect, with a send key as api_secret.",
    differs: "client_id, user_id and user_data are never kept; no cookie is set; what gtag('get') answers is random. Nothing is sent while analytics_storage is denied.",
  },
  {
    id: "matomo",
    label: "Matomo",
    code: (host) =>
      `<script>\n  var _paq = window._paq = window._paq || [];\n  _paq.push(['trackPageView']);\n  _paq.push(['enableLinkTracking']);\n  (function() {\n    var u="${bare(host)}/";\n    _paq.push(['setTrackerUrl', u+'matomo.php']);\n    _paq.push(['setSiteId', '1']);\n    var d=document, g=d.createElement('script'), s=d.getElementsByTagName('script')[0];\n    g.async=true; g.src=u+'matomo.js'; s.parentNode.insertBefore(g,s);\n  })();\n</script>`,
    about: "Change the host in var u. For trackers on a server a send key is the token_auth.",
    differs: "Page titles, user ids and visitor ids are not kept; goals are events named Goal N. Consent is not remembered: give it on each page. For amounts as revenue push setCurrency, such as EUR.",
  },
  {
    id: "goatcounter",
    label: "GoatCounter",
    code: (host) => `<script data-goatcounter="${host}/count" async src="${bare(host)}/count.js"></script>`,
    about: "Change both hosts. The page's host says which site it is.",
    differs: "For /api/v0/count use a send key of this one site. /counter/ answers once the settings make it public.",
  },
];

export function Moving({ domain, host }: { domain: string; host: Host }) {
  const [on, setOn] = useState("plausible");
  const way = WAYS.find(({ id }) => id === on) ?? WAYS[0];
  if (!way) return null;
  return (
    <div class="card" id="moving">
      <header>
        <h2>Coming from another tool</h2>
        <p>Keep the tag that is there and change its host name: what the page's code calls stays as it is.</p>
      </header>
      <Tabs label="Tools" tabs={WAYS} on={way.id} controls="moving-tag" choose={setOn} />
      <div id="moving-tag" role="tabpanel" aria-labelledby={`moving-tag-${way.id}`} class="stack">
        <p class="muted">{way.about}</p>
        <Snippet code={way.code(host.url, domain)} mark={way.id === "matomo" ? bare(host.url) : host.url} label={`The tag of ${way.label}`} />
        <p class="muted">
          {way.differs} An id that should count for another site than that of the page's host:{" "}
          <a href={siteHref(domain, "/settings#other-tools")}>Settings</a>.
        </p>
      </div>
    </div>
  );
}
