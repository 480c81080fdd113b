/**
 * How a site is connected: the snippet, the pixel, custom events. After a set-up it also waits for
 * the first visit and then turns into the report.
 */
import { address, go } from "../state/address";
import type { Me, Site } from "../state/api";
import { Frame, siteHref } from "../parts/frame";
import { FIRST_STEPS, Rail, SITE_STEPS } from "../parts/rail";
import { hostOf, mailPixelFor, pixelFor, Snippet, tagFor, type Host } from "../parts/snippet";
import { OptOutNotice, Waiting } from "../parts/waiting";
import { Icon } from "../parts/icon";
import { Moving } from "../parts/moving";

function SnippetCard({ site, host, isDemo }: { site: Site; host: Host; isDemo: boolean }) {
  return (
    <div class="card">
      <header>
        <h2>Put this on every page</h2>
        <p>
          Inside <code>&lt;head&gt;</code>. It weighs under 1 KB on the wire, sets no cookie and stores nothing in the browser.
        </p>
      </header>
      <Snippet code={tagFor(site.domain, host, isDemo)} mark={host.url} label="The snippet" />
      <OptOutNotice />
    </div>
  );
}

function WaitingCard({ site }: { site: Site }) {
  return (
    <div class="card">
      <Waiting site={site} arrived={() => go(siteHref(site.domain, "?period=day"), "replace")} />
      <div class="row-flex centred">
        <a class="button plain" href={siteHref(site.domain)}>
          Later
        </a>
      </div>
    </div>
  );
}

function MoreWays({ site, host }: { site: Site; host: Host }) {
  const event = `headcount("Signup", { props: { plan: "small" } })`;
  return (
    <>
      <div class="card">
        <header>
          <h2>Custom events</h2>
          <p>Call this when something happens that is not a page. Properties are words of your own; leave names and addresses of people out.</p>
        </header>
        <Snippet code={event} label="A custom event" />
      </div>
      <div class="card">
        <header>
          <h2>Without JavaScript</h2>
          <p>A pixel for browsers without scripts; put it after the snippet, in the body.</p>
        </header>
        <Snippet code={pixelFor(site.domain, host)} mark={host.url} label="The pixel" />
        <p class="muted">In letters it counts openings as pageviews and knows no visitor:</p>
        <Snippet code={mailPixelFor(site.domain, host)} mark="spring-letter" label="The pixel for letters" />
      </div>
      <div class="card">
        <header>
          <h2>Who is not counted</h2>
          <p>
            Browsers that send Do Not Track or Global Privacy Control. To leave your own visits out, type this once in
            the console of your browser, on your site:
          </p>
        </header>
        <Snippet code={`localStorage.headcount_ignore = "true"`} label="Leave yourself out" />
      </div>
    </>
  );
}

export function Install({ me, site }: { me: Me; site: Site }) {
  const search = address.value.searchParams;
  const first = search.has("first");
  const isNew = first || search.has("new");
  const host = hostOf(me);
  const isDemo = me.demo && site.domain === "demo.example";
  const steps = first ? FIRST_STEPS : SITE_STEPS;
  return (
    <Frame title={`Install ${site.domain}`} site={site} at="install" narrow foot={<span>Time zone {site.timezone}</span>}>
      <div class="page-head">
        <div>
          <h1>{first ? "Set up headcount" : `Connect ${site.domain}`}</h1>
          {!first && <p>One line in the head of your pages, or a pixel where scripts do not run.</p>}
        </div>
        {isDemo && (
          <div class="end">
            <a class="button" href="/demo">
              Open the demo site
              <Icon name="right" />
            </a>
          </div>
        )}
      </div>
      {isNew ? (
        <div class="with-side">
          <Rail steps={steps} at={steps.length - 2} />
          <div class="stack">
            <SnippetCard site={site} host={host} isDemo={isDemo} />
            <WaitingCard site={site} />
            <Moving domain={site.domain} host={host} />
          </div>
        </div>
      ) : (
        <div class="stack">
          <SnippetCard site={site} host={host} isDemo={isDemo} />
          <Moving domain={site.domain} host={host} />
          <MoreWays site={site} host={host} />
        </div>
      )}
    </Frame>
  );
}
