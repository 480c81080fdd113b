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

export function Failed({ error, again }: { error: ApiError; again: () => void }) {
  const title = error.status === 0 ? "No connection" : error.status === 429 ? "Too many requests" : "This could not be loaded";
  return (
    <Empty icon="alert" title={title}>
      <p role="alert">{error.message}</p>
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
