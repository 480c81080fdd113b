/**
 * The rules of a site as they are written: what is saved, what stands in the fields, and what was
 * typed and not yet added. Drafts live as long as the page, so that a look at the report loses none.
 */
import { signal, type Signal } from "@preact/signals";
import { ApiError, call } from "./api";
import { loginEnded } from "./login";
import { siteApi } from "./site";

export interface PathRule {
  from: string;
  to: string;
}

/** The rules of a site as `GET /api/sites/DOMAIN/rules` gives them. */
export interface Rules {
  query_params: string[];
  path_rules: PathRule[];
  properties: string[];
  excluded_paths: string[];
  excluded_countries: string[];
  excluded_networks: string[];
  ids: string[];
}

export type Field = keyof Rules;
export type ListField = Exclude<Field, "path_rules">;

interface Told {
  rules: Rules;
  own_properties: string[];
  properties_max: number;
}

export interface Draft {
  saved: Rules;
  now: Rules;
  /** what stands in the field beside "Add" */
  typed: Partial<Record<ListField, string>>;
  /** properties stored without being declared, and how many may be declared */
  own: string[];
  most: number;
}

/** What would become of the pages of the last 30 days. */
export interface Preview {
  changed: { path: string; becomes: string; pageviews: number }[];
  excluded: { path: string; pageviews: number }[];
  /** pages looked at, at most */
  pages: number;
}

/** What of accepted events was not kept. */
export interface KeptBack {
  what: "property" | "value" | "distinct";
  name: string;
  events: number;
}

const drafts = new Map<string, Signal<Draft | null>>();

export function draftOf(domain: string): Signal<Draft | null> {
  let made = drafts.get(domain);
  if (!made) drafts.set(domain, (made = signal<Draft | null>(null)));
  return made;
}

/** Loads the rules; what was written and not saved stays. */
export async function loadRules(domain: string, stop: AbortSignal): Promise<true> {
  const { rules, own_properties, properties_max } = await call<Told>(siteApi(domain, "rules"), undefined, stop);
  const draft = draftOf(domain);
  const before = draft.value;
  const now = { ...rules };
  if (before) {
    for (const field of Object.keys(rules) as Field[]) if (isChanged(before, [field])) Object.assign(now, { [field]: before.now[field] });
  }
  draft.value = { saved: rules, now, typed: before?.typed ?? {}, own: own_properties, most: properties_max };
  return true;
}

/** Entries of a text: one a line, or between commas. */
export function entriesOf(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((entry) => entry.trim())
    .filter(Boolean);
}

/** The rules as they would be sent: typed text is taken in, empty rows are left out. */
export function written({ now, typed }: Draft): Rules {
  const lists = Object.entries(typed).map(([field, text]) => [field, joined(now[field as ListField], text)]);
  return { ...now, ...Object.fromEntries(lists), path_rules: now.path_rules.filter((rule) => rule.from.trim() || rule.to.trim()) };
}

function joined(list: string[], text: string): string[] {
  return [...new Set([...list, ...entriesOf(text)])];
}

export function isChanged(draft: Draft, fields: Field[]): boolean {
  const rules = written(draft);
  return fields.some((field) => JSON.stringify(rules[field]) !== JSON.stringify(draft.saved[field]));
}

function edit(domain: string, change: (draft: Draft) => Partial<Draft>): void {
  const draft = draftOf(domain);
  if (draft.value) draft.value = { ...draft.value, ...change(draft.value) };
}

export function setTyped(domain: string, field: ListField, text: string): void {
  edit(domain, ({ typed }) => ({ typed: { ...typed, [field]: text } }));
}

/** Puts what is typed into the list. */
export function addTyped(domain: string, field: ListField): void {
  edit(domain, ({ now, typed }) => ({
    now: { ...now, [field]: joined(now[field], typed[field] ?? "") },
    typed: { ...typed, [field]: "" },
  }));
}

export function setRules<F extends Field>(domain: string, field: F, value: Rules[F]): void {
  edit(domain, ({ now }) => ({ now: { ...now, [field]: value } }));
}

/** Back to what is saved. */
export function discard(domain: string, fields: Field[]): void {
  edit(domain, ({ now, saved, typed }) => ({
    now: { ...now, ...pick(saved, fields) },
    typed: without(typed, fields),
  }));
}

function pick(rules: Rules, fields: Field[]): Partial<Rules> {
  return Object.fromEntries(fields.map((field) => [field, rules[field]]));
}

function without(typed: Draft["typed"], fields: Field[]): Draft["typed"] {
  return Object.fromEntries(Object.entries(typed).filter(([field]) => !fields.includes(field as Field)));
}

/** A failure in words; the end of a login leads to the log-in page. */
export function asApiError(cause: unknown): ApiError {
  const error = cause instanceof ApiError ? cause : new ApiError(0, String(cause), undefined, undefined, false);
  if (error.status === 401) loginEnded();
  return error;
}

/** Saves these lists as they are written; the others stay as they are saved. */
export async function save(domain: string, fields: Field[]): Promise<void> {
  const draft = draftOf(domain).value;
  if (!draft) return;
  await put(domain, pick(written(draft), fields));
  discard(domain, fields);
}

/** Names are added one after the other: each takes the list that the one before has left. */
let adding: Promise<void> = Promise.resolve();

/** Declares one more property at once, whatever else stands unsaved in the fields. */
export function keepProperty(domain: string, name: string): Promise<void> {
  const added = adding.then(() => addProperty(domain, name));
  adding = added.catch(() => undefined);
  return added;
}

async function addProperty(domain: string, name: string): Promise<void> {
  const draft = draftOf(domain).value;
  if (!draft || draft.saved.properties.includes(name)) return;
  await put(domain, { properties: [...draft.saved.properties, name] });
  edit(domain, ({ now }) => ({ now: { ...now, properties: [...new Set([...now.properties, name])] } }));
}

async function put(domain: string, rules: Partial<Rules>): Promise<void> {
  const told = await call<Told>(siteApi(domain, "rules"), rules, undefined, "PUT");
  edit(domain, () => ({ saved: told.rules }));
}

export function preview(domain: string, rules: Rules): Promise<Preview> {
  const { query_params, path_rules, excluded_paths } = rules;
  return call<Preview>(siteApi(domain, "rules/preview"), { query_params, path_rules, excluded_paths });
}

export async function keptBack(domain: string, from: string, to: string, stop: AbortSignal): Promise<KeptBack[]> {
  return (await call<{ rows: KeptBack[] }>(siteApi(domain, `kept-back?from=${from}&to=${to}`), undefined, stop)).rows;
}
