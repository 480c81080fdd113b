/** Code to take away, with a button that says when it has been copied. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Me } from "../state/api";
import { Icon } from "./icon";

const SAID_FOR = 2000;

export function Snippet({ code, label, mark }: { code: string; label: string; mark?: string }) {
  const [copied, setCopied] = useState<"" | "yes" | "no">("");
  const text = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(""), SAID_FOR);
    return () => clearTimeout(timer);
  }, [copied]);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code);
      setCopied("yes");
    } catch {
      // without https the clipboard is closed: select it, so that one key does it
      if (text.current) getSelection()?.selectAllChildren(text.current);
      setCopied("no");
    }
  };

  const at = mark ? code.indexOf(mark) : -1;
  return (
    <div class="snippet">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code ref={text}>
          {at < 0 || !mark ? (
            code
          ) : (
            <>
              {code.slice(0, at)}
              <mark>{mark}</mark>
              {code.slice(at + mark.length)}
            </>
          )}
        </code>
      </pre>
      <button type="button" class="button copy" onClick={() => void copy()}>
        <Icon name={copied === "yes" ? "check" : "copy"} />
        <span role="status">{copied === "yes" ? "Copied" : copied === "no" ? "Press Ctrl C" : "Copy"}</span>
      </button>
    </div>
  );
}

/** Where pages find the scripts: the server's address, and the path of the operator's choice, if there is one. */
export interface Host {
  url: string;
  own: string | null;
}

export function hostOf(me: Me): Host {
  return { url: me.public_url.replace(/\/$/, "") || location.origin, own: me.first_party_path };
}

/** What lies below the operator's path, by its usual name. */
const OWN = { "script.js": "s.js", "full.js": "f.js", "vitals.js": "v.js", "opt-out.js": "o.js", "pixel.gif": "p" };
export type Script = Exclude<keyof typeof OWN, "pixel.gif">;

export function fileOf({ own }: Host, file: keyof typeof OWN): string {
  return own ? `${own}/${OWN[file]}` : file === "pixel.gif" ? "/pixel.gif" : `/js/${file}`;
}

/** The tag of a site. */
export function tagFor(domain: string, host: Host, local: boolean, file: Script = "script.js"): string {
  return `<script defer data-domain="${domain}"${local ? " data-local" : ""} src="${host.url}${fileOf(host, file)}"></script>`;
}

/** What the opt-out switch is drawn into, and what draws it. */
export const OPT_OUT_PLACE = "<div data-headcount-opt-out></div>";
export function optOutTagFor(host: Host): string {
  return `<script defer src="${host.url}${fileOf(host, "opt-out.js")}"></script>`;
}

/** The tag's stand-in where scripts do not run. */
export function pixelFor(domain: string, host: Host): string {
  return `<noscript><img src="${host.url}${fileOf(host, "pixel.gif")}?site=${domain}" referrerpolicy="no-referrer-when-downgrade" alt="" width="1" height="1"></noscript>`;
}

/** For letters: counts an opening, knows no visitor. */
export function mailPixelFor(domain: string, host: Host): string {
  return `<img src="${host.url}${fileOf(host, "pixel.gif")}?site=${domain}&campaign=spring-letter" alt="" width="1" height="1">`;
}
