// Live updates of a run that is being written: a number that grows when there is something new to ask for.
import { useEffect, useState } from "preact/hooks";
import { api, isSaved } from "./client";

const PAUSE = 1000;

/** Grows, at most once a second, while the server tells of changes in `run`. */
export function useRevision(run: string | undefined): number {
  const [revision, setRevision] = useState(0);
  useEffect(() => {
    if (!run || isSaved) return undefined;
    const events = new EventSource(api("runs", run, "events"));
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const changed = () => {
      waiting ??= setTimeout(() => {
        waiting = undefined;
        setRevision((number) => number + 1);
      }, PAUSE);
    };
    events.addEventListener("changed", changed);
    return () => {
      events.close();
      clearTimeout(waiting);
    };
  }, [run]);
  return revision;
}
