// Rows of a table of any length, read a page at a time as they come into sight.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, ApiError, get, isSaved, query, savedAnswer } from "../../api/client";
import type { RolloutPage, RolloutRow } from "../../api/types";
import { filterSaved } from "./saved";

export const PAGE = 100;

export interface Rows {
  matching: number;
  total: number;
  ms: number | null;
  searched: number;
  error: ApiError | null;
  loading: boolean;
  row: (index: number) => RolloutRow | undefined;
  want: (first: number, last: number) => void;
}

interface Held {
  key: string;
  pages: Map<number, RolloutRow[]>;
  matching: number;
  total: number;
  ms: number | null;
  searched: number;
  known: boolean;
  error: ApiError | null;
}

function nothing(key: string): Held {
  return { key, pages: new Map(), matching: 0, total: 0, ms: null, searched: 1, known: false, error: null };
}

async function read(run: string, filter: string, sort: string, offset: number): Promise<RolloutPage> {
  const path = api("runs", run, "rollouts");
  const url = path + query({ filter, sort, offset: offset || null, limit: PAGE });
  if (isSaved && savedAnswer(url) === undefined)
    return filterSaved(await get<RolloutPage>(path), filter, sort, offset, PAGE);
  return get<RolloutPage>(url);
}

/** The rows of `run` under a filter, in an order; what was read stays until new answers come. */
export function useRows(run: string, filter: string, sort: string, revision: number): Rows {
  const key = JSON.stringify([run, filter, sort]);
  const [held, setHeld] = useState<Held>(nothing(key));
  const asked = useRef(new Set<string>());
  const sight = useRef<[number, number]>([0, 0]);
  const current = useRef(key);
  current.current = key;

  const ask = (page: number) => {
    const name = `${key} ${revision} ${page}`;
    if (asked.current.has(name)) return;
    asked.current.add(name);
    read(run, filter, sort, page * PAGE).then(
      (answer) => {
        if (current.current !== key) return;
        setHeld((before) => {
          const pages = new Map(before.key === key ? before.pages : []);
          pages.set(page, answer.rows);
          return {
            key,
            pages,
            matching: answer.matching,
            total: answer.total,
            ms: answer.ms,
            searched: answer.searched ?? 1,
            known: true,
            error: null,
          };
        });
      },
      (error: unknown) => {
        asked.current.delete(name);
        if (current.current !== key) return;
        const told = error instanceof ApiError ? error : new ApiError(String(error), 0, {});
        setHeld((before) => ({ ...before, key, error: told, known: true }));
      },
    );
  };
  const want = (first: number, last: number) => {
    sight.current = [first, last];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) ask(page);
  };
  useEffect(() => {
    if (asked.current.size > 4000) asked.current.clear();
    sight.current = held.key === key ? sight.current : [0, 0];
    want(...sight.current);
  }, [key, revision]);
  return {
    matching: held.matching,
    total: held.total,
    ms: held.ms,
    searched: held.searched,
    loading: !held.known || (held.key !== key && held.error === null),
    error: held.key === key ? held.error : null,
    row: (index) => held.pages.get(Math.floor(index / PAGE))?.[index % PAGE],
    want,
  };
}
