/** Which page the address means, and who may see it. */
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { address, go } from "./state/address";
import { announced } from "./state/announce";
import type { Me, Site } from "./state/api";
import { loadMe, me, unreachable } from "./state/login";
import { Empty } from "./parts/empty";
import { Frame, siteHref } from "./parts/frame";
import { lazy } from "./parts/lazy";
import { Login } from "./pages/login";
import { Report } from "./pages/report";
import { Sites } from "./pages/sites";

// seen now and then, or once for each site
const Filtered = lazy(async () => (await import("./pages/filtered")).Filtered);
const Install = lazy(async () => (await import("./pages/install")).Install);
const NewSite = lazy(async () => (await import("./pages/new-site")).NewSite);
const Settings = lazy(async () => (await import("./pages/settings")).Settings);
const Vitals = lazy(async () => (await import("./pages/vitals")).Vitals);
const Setup = lazy(async () => (await import("./pages/setup")).Setup);

/** Sends the reader on, without a step for Back. */
function Onward({ to }: { to: string }) {
  useEffect(() => go(to, "replace"), [to]);
  return null;
}

function NotHere() {
  return (
    <Frame title="Nothing here">
      <div class="card spaced">
        <Empty icon="alert" level={2} title="Nothing here">
          <p>This page does not exist, or your account may not see it.</p>
          <a class="button" href="/sites">
            All sites
          </a>
        </Empty>
      </div>
    </Frame>
  );
}

function home(who: Me): string {
  const [only, ...others] = who.sites;
  if (!only) return "/sites/new";
  return others.length === 0 ? siteHref(only.domain) : "/sites";
}

const SITE_PAGES: Record<string, ComponentType<{ me: Me; site: Site }>> = {
  filtered: Filtered,
  install: Install,
  settings: Settings,
  vitals: Vitals,
};

function SitePage({ who, domain, page }: { who: Me; domain: string; page: string | undefined }) {
  const site = who.sites.find((one) => one.domain === domain);
  if (!site) return <NotHere />;
  const Shown = page === undefined ? Report : SITE_PAGES[page];
  return Shown ? <Shown key={domain} me={who} site={site} /> : <NotHere />;
}

function Page() {
  const [place = "", ...parts] = address.value.pathname.split("/").slice(1).map(decodeURIComponent);
  const who = me.value;
  if (place === "setup" && parts[0]) return <Setup token={parts[0]} />;
  if (unreachable.value !== null && !who) {
    return (
      <main id="main" class="centre">
        <Empty icon="alert" level={2} title="No connection">
          <p role="alert">{unreachable.value}</p>
          <button type="button" class="button" onClick={() => void loadMe()}>
            Try again
          </button>
        </Empty>
      </main>
    );
  }
  if (who === undefined) return null;
  if (place === "login") return who ? <Onward to={home(who)} /> : <Login />;
  if (who === null) {
    const { pathname, search } = address.value;
    return <Onward to={pathname === "/" ? "/login" : `/login?next=${encodeURIComponent(pathname + search)}`} />;
  }
  if (place === "") return <Onward to={home(who)} />;
  if (place !== "sites" || parts.length > 2) return <NotHere />;
  if (parts.length === 0 || parts[0] === "") return who.sites.length ? <Sites me={who} /> : <Onward to="/sites/new" />;
  if (parts[0] === "new" && parts.length === 1) return <NewSite />;
  return <SitePage who={who} domain={parts[0] ?? ""} page={parts[1]} />;
}

export function App() {
  return (
    <>
      <Page />
      <div class="unseen" aria-live="polite">
        {announced.value}
      </div>
    </>
  );
}
