// All runs that the studio was opened with; one alone is opened at once.
import { useEffect } from "preact/hooks";
import type { RunRow } from "../api/types";
import { useResource } from "../api/resource";
import { go, links } from "../router";
import { server } from "../server";
import { count, percent } from "../text/format";
import { printable } from "../text/printable";
import { Answered, Empty } from "../ui/States";

function Card({ run }: { run: RunRow & { error?: string | null } }) {
  const judged = (run.passed ?? 0) + (run.wrong ?? 0);
  const share = run.passed !== null && judged > 0 ? run.passed / judged : null;
  return (
    <li>
      <a class="card run-card" href={links.overview(run.id)}>
        <span class="run-name">
          <b>{printable(run.name)}</b>
          {run.live && (
            <span class="badge live">
              <i aria-hidden="true" />
              live
            </span>
          )}
          {run.error && <span class="badge bad">cannot be opened</span>}
        </span>
        <span class="run-path">{printable(run.error ?? run.path)}</span>
        {share !== null && (
          <span class="meter" aria-hidden="true">
            <i style={{ width: `${100 * share}%` }} />
          </span>
        )}
        <span class="run-numbers">
          {share !== null && (
            <span>
              <b>{percent(share)}</b> right of {count(judged)}
            </span>
          )}
          <span>
            <b>{count(run.rollouts)}</b> {run.rollouts === 1 ? "rollout" : "rollouts"}
          </span>
          <span>
            <b>{count(run.turns)}</b> {run.turns === 1 ? "turn" : "turns"}
          </span>
          {run.failed > 0 && (
            <span class="wrong-ink">
              <b>{count(run.failed)}</b> failed
            </span>
          )}
          {(["running", "unfinished"] as const).map(
            (status) =>
              run[status] > 0 && (
                <span key={status}>
                  <b>{count(run[status])}</b> {status}
                </span>
              ),
          )}
        </span>
      </a>
    </li>
  );
}

let forwarded = false;

export function RunsPage() {
  const resource = useResource<RunRow[]>("/api/runs");
  const runs = resource.data;
  useEffect(() => {
    if (forwarded || !runs) return;
    forwarded = true;
    if (server.value?.session && runs.length === 0) go(links.session(), true);
    else if (runs.length === 1 && runs[0]) go(links.overview(runs[0].id), true);
  }, [runs]);
  return (
    <div class="sheet">
      <header class="sheet-head">
        <h1>Runs</h1>
        {runs && runs.length > 1 && <p>{runs.length} runs are open here.</p>}
      </header>
      <Answered resource={resource} what="the runs">
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No run is open">
              <p>
                Start the studio with the directory of a run: <code>tutelage studio runs/first</code>
              </p>
            </Empty>
          ) : (
            <ul class="run-list">
              {rows.map((run) => (
                <Card key={run.id} run={run} />
              ))}
            </ul>
          )
        }
      </Answered>
    </div>
  );
}
