/**
 * The only place that talks to the server. Every answer is JSON; every failure becomes an
 * `ApiError` whose message can be shown as it stands.
 */

/** A failed call. `status` 0: no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** the field of the form that is wrong, if one is */
    readonly field: string | undefined,
    /** seconds to wait, from `Retry-After` */
    readonly wait: number | undefined,
    readonly setupNeeded: boolean,
  ) {
    super(message);
  }
}

/** A site as `GET /api/me` lists it. */
export interface Site {
  domain: string;
  timezone: string;
  /** first day, YYYY-MM-DD in the site's zone */
  created: string;
  threshold: number;
}

/** The answer of `GET /api/me`. */
export interface Me {
  email: string;
  role: string;
  version: string;
  public_url: string;
  /** where the operator wants scripts to be asked for, such as /numbers */
  first_party_path: string | null;
  demo: boolean;
  threshold: number;
  retention_months: number;
  untrusted_proxy: string | null;
  sites: Site[];
  geo: { name: string; credit: string; link: string } | null;
}

/** A filter of the report API: operator, dimension, values. */
export type ApiFilter = [op: string, dimension: string, values: string[], how?: { case_sensitive: boolean }];

export type DateRange = string | [from: string, to: string];

/** The body of `POST /api/v2/query`. */
export interface Query {
  site_id: string;
  metrics: string[];
  date_range: DateRange;
  dimensions?: string[];
  filters?: ApiFilter[];
  order_by?: [string, "asc" | "desc"][];
  include?: {
    time_labels?: boolean;
    total_rows?: boolean;
    comparisons?: { mode: string; match_day_of_week: boolean };
  };
  pagination?: { limit: number; offset: number };
}

export type Value = number | null;

export interface Row {
  dimensions: string[];
  metrics: Value[];
  /** the same row of the period compared with; its metrics are null where they are withheld */
  comparison?: { metrics: Value[] | null } | null;
}

/** The answer of `POST /api/v2/query`. */
export interface Answer {
  results: Row[];
  meta: {
    threshold?: number;
    withheld_visitors?: number;
    withheld?: null | "few_visitors" | "few_visitors_in_complement";
    /** days, weeks or months that a chart leaves out, because too few visitors meet the filters */
    withheld_days?: string[];
    /** why the period compared with has no numbers */
    comparison_withheld?: string | null;
    /** events that reached days already closed and were added to them */
    late_rows?: number;
    time_labels?: string[];
    total_rows?: number;
  };
  /** the query as it was understood; the days compared with are found there */
  query?: { comparison_date_range?: [from: string, to: string] };
}

/** Events not counted, by reason. */
export type Outcomes = Record<string, number>;

const NO_ANSWER = "No answer from the server. What is shown was loaded before; it will be asked again.";

/** Calls the server and gives its JSON answer: GET, or POST with a body. Throws `ApiError`, or the abort itself. */
export async function call<T>(path: string, body?: unknown, signal?: AbortSignal, method?: "PUT"): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
      credentials: "same-origin",
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, NO_ANSWER, undefined, undefined, false);
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as T;
  throw failure(response, answer);
}

/** The server's words as a sentence: a capital and a full stop. */
function sentence(words: string): string {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function failure(response: Response, answer: unknown): ApiError {
  const said = (answer ?? {}) as { error?: unknown; field?: unknown; setup_needed?: unknown };
  const wait = Number(response.headers.get("Retry-After"));
  return new ApiError(
    response.status,
    typeof said.error === "string" ? sentence(said.error) : `The server answered ${response.status}.`,
    typeof said.field === "string" ? said.field : undefined,
    wait > 0 ? wait : undefined,
    said.setup_needed === true,
  );
}

/** Reports that are asked for at once; the others wait here, not on the server. */
const AT_ONCE = 4;
/** "Too many at once" is tried again so often, if the wait is not longer than this (seconds). */
const TRIES = 3;
const LONGEST_WAIT = 5;

let asked = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (asked >= AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  else asked += 1;
  try {
    return await work();
  } finally {
    // whoever waits longest takes this place
    const next = waiting.shift();
    if (next) next();
    else asked -= 1;
  }
}

/** One report. */
export async function report(query: Query, signal?: AbortSignal): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await inTurn(() => {
        signal?.throwIfAborted();
        return call<Answer>("/api/v2/query", query, signal);
      });
    } catch (error) {
      const busy = error instanceof ApiError && error.status === 429;
      const wait = (busy && error.wait) || 1;
      if (!busy || tries === TRIES || wait > LONGEST_WAIT) throw error;
      await new Promise((done) => setTimeout(done, wait * 1000));
    }
  }
}
