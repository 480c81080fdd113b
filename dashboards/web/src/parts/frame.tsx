/**
 * Around every page after the login: the header with site, pages, current visitors, theme and
 * account, and the foot.
 */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { address } from "../state/address";
import { me, logOut } from "../state/login";
import { setTheme, theme, type Theme } from "../state/theme";
import type { Me, Site } from "../state/api";
import { Icon, Mark, type IconName } from "./icon";
import { Now } from "./now";
import { Popover } from "./popover";

const THEMES: [Theme, string, IconName][] = [
  ["light", "Light", "sun"],
  ["system", "As the system", "system"],
  ["dark", "Dark", "moon"],
];

export function ThemeSwitch() {
  return (
    <div class="theme" role="group" aria-label="Theme">
      {THEMES.map(([id, label, icon]) => (
        <button
          key={id}
          type="button"
          aria-pressed={theme.value === id}
          aria-label={label}
          title={label}
          onClick={() => setTheme(id)}
        >
          <Icon name={icon} />
        </button>
      ))}
    </div>
  );
}

export function siteHref(domain: string, page = ""): string {
  return `/sites/${encodeURIComponent(domain)}${page}`;
}

/** The pages of a site, in the order of the header; those that show days keep the ones chosen. */
const SITE_PAGES = [
  { id: "report", label: "Report", path: "", days: true },
  { id: "vitals", label: "Performance", path: "/vitals", days: true },
  { id: "filtered", label: "Not counted", path: "/filtered", days: true },
  { id: "settings", label: "Settings", path: "/settings", days: false },
  { id: "install", label: "Install", path: "/install", days: false },
] as const;

/** What of the address chooses the days. */
export function daysOf(search: URLSearchParams): string {
  const kept = new URLSearchParams();
  for (const name of ["period", "from", "to"]) {
    const value = search.get(name);
    if (value) kept.set(name, value);
  }
  return kept.size > 0 ? `?${kept}` : "";
}

function Switcher({ site, sites }: { site: Site; sites: Site[] }) {
  return (
    <Popover
      id="switch-site"
      label="Sites"
      kind="menu"
      buttonClass="button switcher"
      button={
        <>
          <span class="site-mark" aria-hidden="true">
            {site.domain[0]}
          </span>
          <span class="unseen">Change site, now </span>
          <span class="cut">{site.domain}</span>
          <Icon name="down" class="caret" />
        </>
      }
    >
      {(close) => (
        <>
          {sites.map((one) => (
            <a
              key={one.domain}
              role="menuitemradio"
              aria-checked={one.domain === site.domain}
              href={siteHref(one.domain)}
              onClick={close}
            >
              <span class="site-mark" aria-hidden="true">
                {one.domain[0]}
              </span>
              <span class="cut">{one.domain}</span>
            </a>
          ))}
          <hr />
          <a role="menuitem" href="/sites" onClick={close}>
            All sites
          </a>
          <a role="menuitem" href="/sites/new" onClick={close}>
            Add a site
          </a>
        </>
      )}
    </Popover>
  );
}

function Account({ email }: { email: string }) {
  return (
    <Popover
      label="Account"
      kind="menu"
      align="end"
      name={`Account of ${email}`}
      buttonClass="button plain square"
      button={
        <span class="avatar" aria-hidden="true">
          {email[0]}
        </span>
      }
      before={
        <>
          <p class="menu-head">
            Logged in as <b>{email}</b>
          </p>
          <div class="menu-row only-phone">
            Theme <ThemeSwitch />
          </div>
        </>
      }
    >
      {() => (
        <>
          <a role="menuitem" href="/sites">
            All sites
          </a>
          <button role="menuitem" type="button" onClick={() => void logOut()}>
            Log out
          </button>
        </>
      )}
    </Popover>
  );
}

interface FrameProps {
  /** title of the browser's tab */
  title: string;
  site?: Site;
  /** the page of the site that is shown */
  at?: (typeof SITE_PAGES)[number]["id"];
  toolbar?: ComponentChildren;
  narrow?: boolean;
  foot?: ComponentChildren;
  children: ComponentChildren;
}

export function Frame({ title, site, at, toolbar, narrow, foot, children }: FrameProps) {
  useEffect(() => {
    document.title = `${title} · headcount`;
  }, [title]);
  const who: Me | null | undefined = me.value;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the numbers
      </a>
      <header class="site-header">
        <div>
          <a class="brand" href="/sites" aria-label="headcount, all sites">
            <Mark />
            <span class="only-wide">headcount</span>
          </a>
          {site && who && <Switcher site={site} sites={who.sites} />}
          {site && (
            <nav aria-label="Site pages">
              {SITE_PAGES.map(({ id, label, path, days }) => (
                <a
                  key={id}
                  href={siteHref(site.domain, path + (days ? daysOf(address.value.searchParams) : ""))}
                  aria-current={at === id ? "page" : undefined}
                >
                  {label}
                </a>
              ))}
            </nav>
          )}
          <div class="end">
            {site && <Now site={site.domain} />}
            <span class="only-wide">
              <ThemeSwitch />
            </span>
            {who && <Account email={who.email} />}
          </div>
        </div>
      </header>
      {toolbar}
      <main id="main" tabIndex={-1} class={narrow ? "is-narrow" : ""}>
        {children}
        <footer class="page-foot">
          {foot}
          {who?.geo && (
            <span>
              City data:{" "}
              <a href={who.geo.link} target="_blank" rel="noopener noreferrer">
                {who.geo.credit}
              </a>
            </span>
          )}
          {who && <span>headcount {who.version}</span>}
        </footer>
      </main>
    </>
  );
}
