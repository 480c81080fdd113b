/**
 * Loading for panels: each loads and fails alone. While the next answer is on its way the last one
 * stays; an answer that is no longer wanted is dropped.
 */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api";
import { loginEnded, renewMe } from "./login";

export interface Loaded<T> {
  /** the last answer, perhaps of the question before */
  value: T | null;
  /** the answer belongs to another question: dim it */
  stale: boolean;
  error: ApiError | null;
  again: () => void;
}

/** Numbers of the running day are asked again this often (milliseconds). */
const REFRESH = 30_000;

/** Rises while the page is visible; parts that show the running day depend on it. */
export const beat = signal(0);

/** Starts the beat; called once. */
export function startBeat(): void {
  const next = () => {
    if (document.visibilityState !== "visible") return;
    beat.value += 1;
    void renewMe();
  };
  setInterval(next, REFRESH);
  document.addEventListener("visibilitychange", next);
}

/**
 * Loads whenever `key` changes, and quietly again whenever `turn` changes. A null key loads nothing.
 */
export function useLoad<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>, turn = 0): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; value: T | null; error: ApiError | null }>({
    key: null,
    value: null,
    error: null,
  });
  const [tries, setTries] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    if (key === null) return;
    const stop = new AbortController();
    latest.current(stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) setState({ key, value, error: null });
      },
      (cause: unknown) => {
        if (stop.signal.aborted) return;
        const error = cause instanceof ApiError ? cause : new ApiError(0, String(cause), undefined, undefined, false);
        if (error.status === 401) loginEnded();
        // a refresh that fails keeps the numbers it could not renew
        setState((before) => (before.key === key && before.value !== null && turn > 0 ? before : { key, value: null, error }));
      },
    );
    return () => stop.abort();
  }, [key, turn, tries]);

  return {
    value: state.value,
    stale: state.value !== null && state.key !== key,
    error: state.key === key ? state.error : null,
    again: () => {
      setState({ key: null, value: null, error: null });
      setTries((count) => count + 1);
    },
  };
}
