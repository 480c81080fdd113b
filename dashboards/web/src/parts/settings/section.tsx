/**
 * A section of the settings: what in it is not saved shows in its head, beside Discard and Save.
 * What the server has to say about a field stands under that field.
 */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { announce } from "../../state/announce";
import type { ApiError } from "../../state/api";
import { asApiError, discard, isChanged, save, type Draft, type Field } from "../../state/rules";
import { Icon } from "../icon";

/** What is wrong with a field, if something is. */
export type Wrong = (field: Field) => string | undefined;

interface Props {
  id: string;
  title: string;
  /** one sentence about the whole section */
  about: ComponentChildren;
  domain: string;
  draft: Draft;
  fields: Field[];
  children: (wrong: Wrong, tell: (error: ApiError | null) => void) => ComponentChildren;
}

export function Section({ id, title, about, domain, draft, fields, children }: Props) {
  const [error, setError] = useState<ApiError | null>(null);
  const [state, setState] = useState<"" | "saving" | "saved">("");
  const changed = isChanged(draft, fields);

  const onSave = async () => {
    setState("saving");
    try {
      await save(domain, fields);
      setError(null);
      setState("saved");
      announce(`${title}: saved`);
    } catch (cause) {
      setError(asApiError(cause));
      setState("");
    }
  };
  const onDiscard = () => {
    discard(domain, fields);
    setError(null);
    setState("");
    announce(`${title}: as it is saved`);
  };

  const own = error?.field !== undefined && (fields as string[]).includes(error.field);
  const wrong: Wrong = (field) => (own && error?.field === field ? error.message : undefined);
  return (
    <section class="panel setting" id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        {changed && <span class="badge warn">Not saved</span>}
        {!changed && state === "saved" && (
          <span class="badge good">
            <Icon name="check" />
            Saved
          </span>
        )}
        {changed && (
          <div class="end">
            <button type="button" class="button plain" disabled={state === "saving"} onClick={onDiscard}>
              Discard<span class="unseen"> changes to {title}</span>
            </button>
            <button type="button" class="button primary" disabled={state === "saving"} onClick={() => void onSave()}>
              Save<span class="unseen"> {title}</span>
            </button>
          </div>
        )}
      </header>
      <div class="body">
        <p class="muted">{about}</p>
        {error && !own && (
          <p class="wrong" role="alert">
            <Icon name="alert" />
            {error.message}
          </p>
        )}
        {children(wrong, setError)}
      </div>
    </section>
  );
}
