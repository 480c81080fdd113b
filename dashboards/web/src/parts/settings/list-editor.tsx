/** A list of texts: one field to add, and a cross to remove each. Several can be pasted at once. */
import type { ComponentChildren } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { countries, countryName } from "../../state/countries";
import { addTyped, setRules, setTyped, type Draft, type ListField } from "../../state/rules";
import { Field } from "../field";
import { Icon } from "../icon";

interface Props {
  domain: string;
  draft: Draft;
  field: ListField;
  label: string;
  hint: ComponentChildren;
  wrong: string | undefined;
  placeholder?: string;
  /** said when the list is empty */
  none: string;
  /** beside the label: how many there may be */
  most?: number;
}

/** The entries, each with a cross; `named` is how a reader sees one. */
function Entries(props: { domain: string; draft: Draft; field: ListField; none: string; named?: (entry: string) => string; back: () => void; wrong: string | undefined }) {
  const { domain, draft, field, none, named = (entry) => entry, back, wrong } = props;
  const list = draft.now[field];
  if (list.length === 0) return <p class="quiet">{none}</p>;
  const remove = (entry: string) => {
    setRules(
      domain,
      field,
      list.filter((one) => one !== entry),
    );
    // the cross is gone, and focus must not go with it
    back();
  };
  return (
    <ul class="chosen">
      {list.map((entry) => (
        <li key={entry} class={wrong?.includes(JSON.stringify(entry)) ? "is-wrong" : ""}>
          <span>{named(entry)}</span>
          <button type="button" aria-label={`Remove ${named(entry)}`} onClick={() => remove(entry)}>
            <Icon name="x" />
          </button>
        </li>
      ))}
    </ul>
  );
}

export function ListEditor(props: Props) {
  const { domain, draft, field, label, hint, wrong, placeholder, none, most } = props;
  const input = useRef<HTMLInputElement>(null);
  const list = draft.now[field];
  return (
    <div class="list-editor">
      <Field label={most === undefined ? label : `${label} (${list.length} of ${most})`} hint={hint} wrong={wrong}>
        {({ id, describedBy, invalid }) => (
          <div class="typed">
            <input
              ref={input}
              id={id}
              class="input mono"
              value={draft.typed[field] ?? ""}
              placeholder={placeholder}
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              aria-describedby={describedBy}
              aria-invalid={invalid}
              onInput={(event) => setTyped(domain, field, event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter") return;
                event.preventDefault();
                addTyped(domain, field);
              }}
            />
            <button type="button" class="button" onClick={() => (addTyped(domain, field), input.current?.focus())}>
              Add<span class="unseen"> to {label.toLowerCase()}</span>
            </button>
          </div>
        )}
      </Field>
      <Entries domain={domain} draft={draft} field={field} none={none} wrong={wrong} back={() => input.current?.focus()} />
    </div>
  );
}

/** The same for countries, which are picked by name. */
export function CountryEditor({ domain, draft, field, label, hint, wrong, none }: Props) {
  const all = useMemo(countries, []);
  const select = useRef<HTMLSelectElement>(null);
  const list = draft.now[field];
  const add = () => {
    const code = select.current?.value;
    if (code && !list.includes(code)) setRules(domain, field, [...list, code]);
    if (select.current) select.current.value = "";
    select.current?.focus();
  };
  return (
    <div class="list-editor">
      <Field label={label} hint={hint} wrong={wrong}>
        {({ id, describedBy, invalid }) => (
          <div class="typed">
            <select ref={select} id={id} class="input" aria-describedby={describedBy} aria-invalid={invalid}>
              <option value="">Choose a country</option>
              {all.map(({ code, name }) => (
                <option key={code} value={code} disabled={list.includes(code)}>
                  {name}
                </option>
              ))}
            </select>
            <button type="button" class="button" onClick={add}>
              Add<span class="unseen"> to {label.toLowerCase()}</span>
            </button>
          </div>
        )}
      </Field>
      <Entries domain={domain} draft={draft} field={field} none={none} named={countryName} wrong={wrong} back={() => select.current?.focus()} />
    </div>
  );
}
