// `useResource`: what the server says of a URL, kept while it is asked for again, so that nothing flickers.
import { useEffect, useState } from "preact/hooks";
import { ApiError, get } from "./client";

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  again: () => void;
}

const KEPT = 60;
const kept = new Map<string, unknown>();

function keep(url: string, data: unknown): void {
  kept.delete(url);
  kept.set(url, data);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value as string);
}

interface Held<T> {
  url: string | null;
  data: T | undefined;
  error: ApiError | undefined;
}

/** Ask for `url` whenever it or `revision` changes; null asks nothing. */
export function useResource<T>(url: string | null, revision = 0): Resource<T> {
  const [held, setHeld] = useState<Held<T>>({ url: null, data: undefined, error: undefined });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (url === null) return undefined;
    const aborting = new AbortController();
    get<T>(url, aborting.signal).then(
      (data) => {
        keep(url, data);
        setHeld({ url, data, error: undefined });
      },
      (error: unknown) => {
        if (aborting.signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(String(error), 0, {});
        setHeld((before) => ({ url, data: before.url === url ? before.data : undefined, error: told }));
      },
    );
    return () => aborting.abort();
  }, [url, revision, attempt]);
  const current = held.url === url;
  const data = url === null ? undefined : current ? held.data : (kept.get(url) as T | undefined);
  const error = current ? held.error : undefined;
  return {
    data,
    error,
    loading: url !== null && data === undefined && !error,
    again: () => setAttempt(attempt + 1),
  };
}
