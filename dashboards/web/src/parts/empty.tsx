/**
 * When there is nothing to show: why, and one way on. A failed panel is one of them; it says what
 * happened and leaves the rest of the page alone.
 */
import type { ComponentChildren } from "preact";
import type { ApiError } from "../state/api";
import { Icon, type IconName } from "./icon";

export function Empty(props: { icon: IconName; title: string; children?: ComponentChildren; level?: 2 | 3 }) {
  const Title = props.level === 2 ? "h2" : "h3";
  return (
    <div class="empty">
      <Icon name={props.icon} />
      <Title>{props.title}</Title>
      {props.children}
    </div>
  );
}

const TITLES: Record<number, string> = {
  0: "No connection",
  400: "This cannot be asked",
  422: "Too much for one report",
  429: "Too many reports at once",
  503: "Not at the moment",
};

export function Failed({ error, again }: { error: ApiError; again: () => void }) {
  return (
    <Empty icon="alert" title={TITLES[error.status] ?? "This could not be loaded"}>
      <p role="alert">
        {error.message}
        {error.status === 429 && " It was asked again by itself and waited in vain; the rest of the page is complete."}
      </p>
      <button type="button" class="button" onClick={again}>
        Try again
      </button>
    </Empty>
  );
}

/** A sentence with a coloured edge, for what needs a decision. */
export function Callout(props: {
  kind?: "warn" | "bad" | "good" | "info";
  title: string;
  children?: ComponentChildren;
}) {
  const kind = props.kind ?? "info";
  const icon: IconName = kind === "good" ? "check" : kind === "info" ? "note" : "alert";
  return (
    <div class={`callout ${kind}`} role="note">
      <Icon name={icon} />
      <div>
        <h2>{props.title}</h2>
        {props.children}
      </div>
    </div>
  );
}

/** A bar where a text will be, of about its width (in rem). */
export function Bone({ width }: { width: number }) {
  return <span class="bone" style={{ "--w": `${width}rem` }} />;
}
