// The comparison of two rollouts of a run, at an address of its own.
import { api, query } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Comparison as Data, RolloutRow } from "../../api/types";
import { go, links } from "../../router";
import { brief } from "../../text/format";
import { Answered } from "../../ui/States";
import { Comparison } from "./Comparison";

function named(row: RolloutRow | null, id: string): string {
  if (!row) return brief(id);
  return `${row.task}${row.repeat > 0 ? ` · ${row.repeat}` : ""}${row.branch ? ` · ${row.branch}` : ""}`;
}

export function ComparePage({ run, a, b }: { run: string; a: string; b: string }) {
  const resource = useResource<Data>(api("runs", run, "compare") + query({ a, b }));
  return (
    <div class="sheet wide">
      <header class="sheet-head with-tools">
        <h1>Compare</h1>
        <button onClick={() => go(links.compare(run, b, a), true)}>Swap sides</button>
      </header>
      <Answered resource={resource} what="both rollouts">
        {(data) => (
          <Comparison
            data={data}
            names={[named(data.a, a), named(data.b, b)]}
            links={[links.rollout(run, a), links.rollout(run, b)]}
            turnLink={(turn, side) => links.turn(run, side === "a" ? a : b, turn.id)}
          />
        )}
      </Answered>
    </div>
  );
}
