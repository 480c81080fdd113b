/** A field of a form: label above, hint below, and what is wrong under it in words. */
import type { ComponentChildren } from "preact";
import type { InputHTMLAttributes } from "preact";
import { useId, useMemo } from "preact/hooks";
import { nowIn } from "../state/days";
import { Icon } from "./icon";

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  wrong?: string | undefined;
  children: (ids: { id: string; describedBy: string | undefined; invalid: true | undefined }) => ComponentChildren;
}

export function Field({ label, hint, wrong, children }: FieldProps) {
  const id = useId();
  const describedBy = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, describedBy, invalid: wrong ? true : undefined })}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {wrong && (
        <p class="wrong" id={`${id}-wrong`} role="alert">
          <Icon name="alert" />
          {wrong}
        </p>
      )}
    </div>
  );
}

interface TextProps {
  label: string;
  hint?: ComponentChildren;
  wrong?: string | undefined;
  value: string;
  set: (value: string) => void;
  input: InputHTMLAttributes<HTMLInputElement>;
}

export function TextField({ label, hint, wrong, value, set, input }: TextProps) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {({ id, describedBy, invalid }) => (
        <input
          {...input}
          id={id}
          class="input"
          value={value}
          onInput={(event) => set(event.currentTarget.value)}
          aria-describedby={describedBy}
          aria-invalid={invalid}
        />
      )}
    </Field>
  );
}

/** The zone this browser lives in. */
export function browserZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

function zonesByArea(chosen: string): [string, string[]][] {
  const areas = new Map<string, string[]>();
  const all = new Set(["UTC", chosen, ...Intl.supportedValuesOf("timeZone")]);
  for (const zone of all) {
    const area = zone.includes("/") ? (zone.split("/")[0] ?? "") : "Other";
    areas.set(area, [...(areas.get(area) ?? []), zone]);
  }
  return [...areas].map(([area, zones]): [string, string[]] => [area, zones.sort()]).sort((a, b) => a[0].localeCompare(b[0]));
}

export function ZoneField({ value, set, wrong }: { value: string; set: (zone: string) => void; wrong?: string | undefined }) {
  const areas = useMemo(() => zonesByArea(browserZone()), []);
  const clock = useMemo(() => nowIn(value).minute, [value]);
  return (
    <Field label="Time zone" hint={`It is ${clock} there. A day starts and ends by this clock, and visitors are forgotten at its midnight.`} wrong={wrong}>
      {({ id, describedBy, invalid }) => (
        <select
          id={id}
          class="input"
          value={value}
          onChange={(event) => set(event.currentTarget.value)}
          aria-describedby={describedBy}
          aria-invalid={invalid}
        >
          {areas.map(([area, zones]) => (
            <optgroup key={area} label={area}>
              {zones.map((zone) => (
                <option key={zone} value={zone}>
                  {zone.replaceAll("_", " ")}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      )}
    </Field>
  );
}

/** People paste addresses; a site is named by its domain alone. */
export function bareDomain(typed: string): string {
  return typed
    .trim()
    .replace(/^[a-z]+:\/\//i, "")
    .replace(/[/?#].*$/, "")
    .replace(/^www\./i, "")
    .toLowerCase();
}
