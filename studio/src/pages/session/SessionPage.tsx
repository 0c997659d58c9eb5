// A live session: where it is held, its graph and path, its state, and everything that a terminal could do with it.
import { useMemo } from "preact/hooks";
import { query as queryText } from "../../api/client";
import { useResource } from "../../api/resource";
import type { SessionView } from "../../api/session";
import type { Comparison as Data } from "../../api/types";
import { along } from "../../graph/along";
import { GraphView } from "../../graph/GraphView";
import { links } from "../../router";
import { printable } from "../../text/printable";
import { useShortcuts } from "../../ui/keys";
import { LongText } from "../../ui/LongText";
import { Answered, Empty, Failure, Loading } from "../../ui/States";
import { Comparison } from "../compare/Comparison";
import { Branches } from "./Branches";
import { Breakpoints } from "./Breakpoints";
import { Console } from "./Console";
import { Held } from "./Held";
import { act, failure, session, useLiveSession } from "./live";
import { nodeOf, pathOf } from "./places";
import { Resample } from "./Resample";
import { StateInspector } from "./StateInspector";
import { StopBanner } from "./StopBanner";
import { Teaching } from "./Teaching";
import { Visits } from "./Visits";

function focus(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}

function Keys({ view }: { view: SessionView }) {
  const held = view.status === "stopped";
  const latest = () => [...view.visits].reverse().flatMap((visit) => [...visit.turns].reverse())[0];
  const moving = (action: string) => () => {
    if (held) void act(action);
  };
  useShortcuts("session", {
    step: moving("step"),
    next: moving("next"),
    out: moving("out"),
    continue: moving("run"),
    up: moving("up"),
    down: moving("down"),
    pause: () => {
      if (view.status === "running") void act("pause");
    },
    break: () => focus("#new-breakpoint"),
    prompt: () => focus("[data-prompt]"),
    fork: () => focus("#new-branch"),
    resample: () => focus("#resample-n"),
    console: () => focus("#console"),
    accept: () => {
      const turn = latest();
      if (turn) void act("accept", { turn_id: turn }, "Accepted: it counts as a good example.");
    },
    reject: () => {
      const turn = latest();
      if (turn) void act("reject", { turn_id: turn }, "Rejected: it counts as a bad example.");
    },
  });
  return null;
}

function Picture({ view }: { view: SessionView }) {
  const { graph, breakpoints, visits, stop } = view;
  const marks = useMemo(
    () => ({
      ...along(graph, pathOf(visits, graph), view.status === "done"),
      current: stop
        ? nodeOf(stop.visit, graph)
        : view.status === "running" && visits.length > 0
          ? nodeOf(visits[visits.length - 1]!, graph)
          : null,
      stops: new Set(
        breakpoints
          .filter((each) => each.enabled)
          .flatMap(({ node }) => graph.nodes.filter(({ id }) => id === node || id.endsWith(`/${node}`)))
          .map(({ id }) => id),
      ),
    }),
    [view],
  );
  const press = (id: string) => {
    const there = breakpoints.find(
      (each) => each.node !== null && (each.node === id || id.endsWith(`/${each.node}`)),
    );
    void (there ? act("clear", { number: there.number }) : act("break", { node: id, at: "before" }));
  };
  return (
    <div class="session-graph">
      <GraphView
        graph={graph}
        marks={marks}
        onNode={press}
        action="Set or clear a breakpoint before it"
        label="The graph, with the path taken and where it is held"
      />
    </div>
  );
}

function Whole({ view }: { view: SessionView }) {
  return (
    <div class="session-page">
      <Keys view={view} />
      <div class="session-head">
        <div class="problem">
          <p class="eyebrow">
            branch <b class="foreign">{printable(view.branch)}</b>
            {view.task && (
              <>
                {" "}
                · <span class="foreign">{printable(view.task.id)}</span>
              </>
            )}
          </p>
          {view.task && <LongText text={view.task.problem} label="Problem" />}
          {view.notice && <p class="aside foreign">{printable(view.notice)}</p>}
        </div>
        <StopBanner view={view} />
      </div>
      <div class="session-grid">
        <div class="column left">
          <Picture view={view} />
          <Visits view={view} />
        </div>
        <div class="column middle">
          <Held view={view} />
          <StateInspector view={view} />
        </div>
        <div class="column right">
          <Breakpoints view={view} />
          <Branches view={view} />
          <Resample view={view} />
          <Teaching view={view} />
        </div>
      </div>
      <Console view={view} />
    </div>
  );
}

function Compared({ a, b }: { a: string; b: string }) {
  const resource = useResource<Data>(`/api/session/compare${queryText({ a, b })}`);
  return (
    <div class="sheet wide">
      <header class="sheet-head with-tools">
        <h1>Compare branches</h1>
        <a href={links.session()}>Back to the session</a>
      </header>
      <Answered resource={resource} what="both branches">
        {(data) => <Comparison data={data} names={[a, b]} />}
      </Answered>
    </div>
  );
}

export function SessionPage({ query }: { query: URLSearchParams }) {
  useLiveSession();
  const a = query.get("compare"),
    b = query.get("with");
  if (a && b) return <Compared a={a} b={b} />;
  const view = session.value;
  if (view) return <Whole view={view} />;
  if (failure.value) return <Failure error={failure.value} />;
  if (view === undefined) return <Loading what="the session" />;
  return (
    <Empty title="No session is open">
      <p>
        Open a rollout and press “Debug this”, or start one from the terminal: <code>tutelage debug</code>
      </p>
    </Empty>
  );
}
