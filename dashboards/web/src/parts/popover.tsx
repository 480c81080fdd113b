/**
 * What floats: a button and the sheet it opens, in the browser's top layer. Esc and a click outside
 * close it and focus comes back, all by the `popover` attribute. Placed through CSSOM, because the
 * content policy allows no style attributes.
 */
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";

interface Props {
  /** what the sheet is, for screen readers */
  label: string;
  /** name of the button where its content does not say it */
  name?: string;
  /** shown when the pointer rests on the button */
  title?: string;
  /** the class of the sheet, where it has its own measure */
  sheetClass?: string;
  disabled?: boolean;
  buttonClass: string;
  button: ComponentChildren;
  /** a menu moves by arrow keys; a sheet holds text or a form */
  kind?: "menu" | "sheet";
  align?: "start" | "end";
  /** a handle for key bindings and tests */
  id?: string;
  /** what a menu's sheet holds above and below its entries */
  before?: ComponentChildren;
  after?: (close: () => void) => ComponentChildren;
  children: (close: () => void) => ComponentChildren;
}

const MARGIN = 8;
const GAP = 4;

function place(sheet: HTMLElement, button: HTMLElement, align: "start" | "end"): void {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = sheet;
  const edge = align === "end" ? at.right - width : at.left;
  const left = Math.max(MARGIN, Math.min(edge, document.documentElement.clientWidth - width - MARGIN));
  const below = at.bottom + GAP;
  const above = at.top - GAP - height;
  const lowest = innerHeight - height - MARGIN;
  // below the button; else above it; else wherever it fits, over the button
  const top = below <= lowest ? below : above >= MARGIN ? above : Math.max(MARGIN, lowest);
  sheet.style.left = `${left}px`;
  sheet.style.top = `${top}px`;
}

function step(sheet: HTMLElement, event: KeyboardEvent): void {
  const items = [...sheet.querySelectorAll<HTMLElement>("[role^=menuitem]")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  // a field inside a menu keeps its own arrows
  if (to === undefined || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  items[(to + items.length) % items.length]?.focus();
}

export function Popover(props: Props) {
  const { label, name, title, sheetClass = "", disabled = false, buttonClass, button, kind = "sheet", align = "start", id, before, after, children } = props;
  const made = useId();
  const sheetId = id ?? made;
  const [open, setOpen] = useState(false);
  const watch = useRef<ResizeObserver | null>(null);
  const sheet = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const follow = useRef(() => {
    if (sheet.current && opener.current) place(sheet.current, opener.current, align);
  });

  // drawn before it shows, placed once it has a size, and only then to be seen
  const onBeforeToggle = (event: Event) => {
    if ((event as ToggleEvent).newState !== "open") return;
    setOpen(true);
    if (sheet.current) sheet.current.style.visibility = "hidden";
  };

  const onToggle = (event: Event) => {
    const opened = (event as ToggleEvent).newState === "open";
    setOpen(opened);
    if (opened) {
      follow.current();
      if (sheet.current) sheet.current.style.visibility = "";
      addEventListener("scroll", follow.current, { passive: true });
      addEventListener("resize", follow.current);
      // what is loaded into it may make it larger
      watch.current = new ResizeObserver(() => follow.current());
      if (sheet.current) watch.current.observe(sheet.current);
      if (kind === "menu") {
        const first = sheet.current?.querySelector<HTMLElement>("[aria-checked=true], [aria-current]");
        (first ?? sheet.current?.querySelector<HTMLElement>("[role^=menuitem]"))?.focus();
      }
    } else {
      removeEventListener("scroll", follow.current);
      removeEventListener("resize", follow.current);
      watch.current?.disconnect();
    }
  };

  const close = () => sheet.current?.hidePopover();
  return (
    <>
      <button
        ref={opener}
        type="button"
        class={buttonClass}
        popoverTarget={sheetId}
        aria-haspopup={kind === "menu" ? "menu" : "dialog"}
        aria-expanded={open}
        aria-label={name}
        title={title}
        disabled={disabled}
      >
        {button}
      </button>
      <div
        ref={sheet}
        id={sheetId}
        popover="auto"
        class={`${kind === "menu" ? "menu" : "popover"} ${sheetClass}`}
        role={kind === "menu" ? undefined : "dialog"}
        aria-label={kind === "menu" ? undefined : label}
        onBeforeToggle={onBeforeToggle}
        onToggle={onToggle}
        onKeyDown={(event) => kind === "menu" && sheet.current && step(sheet.current, event)}
      >
        {open && before}
        {open && kind === "menu" && (
          <div role="menu" aria-label={label}>
            {children(close)}
          </div>
        )}
        {open && kind === "sheet" && children(close)}
        {open && after?.(close)}
      </div>
    </>
  );
}
