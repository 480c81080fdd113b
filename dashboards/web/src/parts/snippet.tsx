/** Code to take away, with a button that says when it has been copied. */
import { useEffect, useRef, useState } from "preact/hooks";
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

/** The tag of a site. */
export function tagFor(domain: string, publicUrl: string, local: boolean, file = "script.js"): string {
  return `<script defer data-domain="${domain}"${local ? " data-local" : ""} src="${publicUrl}/js/${file}"></script>`;
}

/** The second tag, for performance and errors of scripts. */
export function vitalsTagFor(domain: string, publicUrl: string, local: boolean): string {
  return tagFor(domain, publicUrl, local, "vitals.js");
}

/** What the opt-out switch is drawn into, and what draws it. */
export const OPT_OUT_PLACE = "<div data-headcount-opt-out></div>";
export function optOutTagFor(publicUrl: string): string {
  return `<script defer src="${publicUrl}/js/opt-out.js"></script>`;
}

/** The tag's stand-in where scripts do not run. */
export function pixelFor(domain: string, publicUrl: string): string {
  return `<noscript><img src="${publicUrl}/pixel.gif?site=${domain}" referrerpolicy="no-referrer-when-downgrade" alt="" width="1" height="1"></noscript>`;
}

/** For letters: counts an opening, knows no visitor. */
export function mailPixelFor(domain: string, publicUrl: string): string {
  return `<img src="${publicUrl}/pixel.gif?site=${domain}&campaign=spring-letter" alt="" width="1" height="1">`;
}
