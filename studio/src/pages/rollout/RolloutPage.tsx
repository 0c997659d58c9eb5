// One rollout: the graph with the path taken, the turns in time, and the turn that is looked at.
import { useMemo, useState } from "preact/hooks";
import { api, isSaved, post } from "../../api/client";
import { useRevision } from "../../api/live";
import { useResource } from "../../api/resource";
import type { GraphData, RolloutView } from "../../api/types";
import { along } from "../../graph/along";
import { GraphView } from "../../graph/GraphView";
import { go, links } from "../../router";
import { askServer, server } from "../../server";
import { count, number, seconds } from "../../text/format";
import { printable } from "../../text/printable";
import { useShortcuts } from "../../ui/keys";
import { LongText } from "../../ui/LongText";
import { Passed, Status } from "../../ui/marks";
import { Answered, Empty } from "../../ui/States";
import { tell } from "../../ui/Toast";
import { judged } from "./judged";
import { Scores } from "./Scores";
import { Timeline } from "./Timeline";
import { TurnPanel } from "./TurnPanel";
import { useTurnKeys } from "./turnKeys";

let opening = false;

/** Open a session; that takes as long as the model takes to load, so it is said, and asked for once. */
function debug(run: string, rollout: string): void {
  if (opening) return;
  opening = true;
  tell("Opening a session; the first one waits for the model to load.", false, true);
  post("/api/sessions", { run, rollout })
    .then(
      () => {
        tell("The session is open.");
        void askServer();
        go(links.session());
      },
      (error: Error) => tell(error.message, true),
    )
    .finally(() => {
      opening = false;
    });
}

function Head({ view, run }: { view: RolloutView; run: string }) {
  const { rollout, task } = view;
  return (
    <header class="rollout-head">
      <div class="problem">
        <p class="eyebrow">
          <span class="foreign">{printable(task.id)}</span>
          {rollout.repeat > 0 && ` · repeat ${rollout.repeat}`}
          {rollout.branch && ` · branch ${printable(rollout.branch)}`}
        </p>
        <LongText text={task.problem} label="Problem" />
      </div>
      <dl class="outcome">
        <div>
          <dt>answer</dt>
          <dd class="foreign">
            <b>{printable(rollout.answer ?? "–")}</b>{" "}
            {rollout.status === "done" ? (
              <Passed passed={rollout.passed} />
            ) : (
              <Status status={rollout.status} />
            )}
          </dd>
        </div>
        <div>
          <dt>reference</dt>
          <dd class="foreign">{printable(task.reference ?? "–")}</dd>
        </div>
        <div>
          <dt>score</dt>
          <dd>{number(rollout.value)}</dd>
        </div>
        <div>
          <dt>turns</dt>
          <dd>{count(rollout.turns)}</dd>
        </div>
        <div>
          <dt>took</dt>
          <dd>{seconds(rollout.seconds)}</dd>
        </div>
      </dl>
      {!isSaved && server.value?.graph && (
        <button
          onClick={() => debug(run, rollout.id)}
          title="Replay it from its record in a live session (b)"
        >
          Debug this
        </button>
      )}
    </header>
  );
}

function Whole({
  view,
  run,
  chosen,
  revision,
}: {
  view: RolloutView;
  run: string;
  chosen: string | null;
  revision: number;
}) {
  const graph = useResource<GraphData>(api("runs", run, "graph"));
  const [node, setNode] = useState<string | null>(null);
  const { rollout } = view;
  const turns = useMemo(() => judged(view), [view]);
  const row = turns.find((turn) => turn.id === chosen) ?? turns[0];
  const choose = (id: string, replacing = false) => go(links.turn(run, rollout.id, id), replacing);
  useTurnKeys(run, rollout.id, turns, row);
  useShortcuts("rollout", {
    debug: () => {
      if (!isSaved && server.value?.graph) debug(run, rollout.id);
    },
  });
  const marks = useMemo(
    () =>
      graph.data
        ? {
            ...along(graph.data, view.path, rollout.status === "done"),
            chosen: row?.node ?? null,
            current: rollout.status === "running" ? (view.path.at(-1) ?? null) : null,
          }
        : { visits: new Map(), taken: new Map() },
    [graph.data, view.path, row?.node, rollout.status],
  );
  const onNode = (id: string) => {
    const off = id === node;
    setNode(off ? null : id);
    const first = off ? undefined : turns.find((turn) => turn.node === id);
    if (first) choose(first.id);
  };
  return (
    <>
      <Head view={view} run={run} />
      {rollout.error && (
        <p class="error-text foreign" role="alert">
          {printable(rollout.error)}
        </p>
      )}
      <div class="rollout-grid">
        <section class="pane graph-pane" aria-label="Graph">
          {graph.data ? (
            <GraphView
              graph={graph.data}
              marks={marks}
              onNode={onNode}
              action="Show its turns"
              label="The graph, with the path that this rollout took"
            />
          ) : graph.error ? (
            <p class="nothing">{graph.error.message}</p>
          ) : null}
        </section>
        <section class="pane timeline-pane" aria-label="Timeline">
          {turns.length > 0 ? (
            <Timeline turns={turns} chosen={row?.id ?? null} choose={choose} node={node} />
          ) : (
            <Empty title="No turns yet" />
          )}
          {(view.turn_count ?? 0) > turns.length && (
            <p class="aside left-out">
              The first {count(turns.length)} of {count(view.turn_count)} turns.
            </p>
          )}
        </section>
        <section class="pane turn-pane" aria-label="Turn">
          {row ? (
            <TurnPanel
              run={run}
              rollout={rollout.id}
              row={row}
              revision={rollout.status === "running" ? revision : 0}
            />
          ) : null}
          <section class="part">
            <header>
              <h3>Scores of the rollout</h3>
            </header>
            <Scores scores={view.scores.filter((score) => score.subject === "rollout")} />
          </section>
        </section>
      </div>
    </>
  );
}

export function RolloutPage({ run, rollout, turn }: { run: string; rollout: string; turn: string | null }) {
  const revision = useRevision(run);
  const resource = useResource<RolloutView>(api("runs", run, "rollouts", rollout), revision);
  return (
    <div class="rollout-page">
      <Answered resource={resource} what="the rollout">
        {(view) => <Whole view={view} run={run} chosen={turn} revision={revision} />}
      </Answered>
    </div>
  );
}
