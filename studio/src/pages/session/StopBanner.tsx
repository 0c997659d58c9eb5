// Where the session is held and why, and the buttons that let it go on, with the letters of pdb as keys.
import type { SessionView } from "../../api/session";
import { printable } from "../../text/printable";
import { Key } from "../../ui/Help";
import { Passed } from "../../ui/marks";
import { act, doing } from "./live";
import { headline } from "./places";

const MOVES: [action: string, name: string, key: string, title: string][] = [
  ["step", "Step", "s", "To the next event of any kind: before a node, at a model call, after a node"],
  ["next", "Next", "n", "Over model calls and inner nodes, to the next node"],
  ["out", "Out", "r", "Until the subgraph around is left"],
  ["run", "Continue", "c", "To a breakpoint, an error, a question, or the end"],
];

function Standing({ view }: { view: SessionView }) {
  const branch = view.branches.find((each) => each.name === view.branch);
  const resampling = view.last && !view.last.done && view.last.action === "resample";
  if (view.status === "running" && resampling) {
    const group = view.branches.filter((each) => each.kind === "sample").at(-1)?.group;
    const samples = view.branches.filter((each) => each.kind === "sample" && each.group === group);
    return (
      <>
        <p class="stop-where">Resampling …</p>
        <p class="stop-why">
          {samples.filter((each) => each.status !== "running").length} of {samples.length} runs have ended.
        </p>
      </>
    );
  }
  if (view.status === "running")
    return (
      <>
        <p class="stop-where">Running …</p>
        <p class="stop-why">Pause it to look.</p>
      </>
    );
  if (view.stop) {
    const { words, node } = headline(view.stop);
    return (
      <>
        <p class="stop-where">
          {words} <b>{printable(node)}</b> <small>visit {view.stop.visit.number}</small>
        </p>
        <p class="stop-why foreign">{printable(view.stop.why)}</p>
      </>
    );
  }
  if (view.status === "failed")
    return (
      <>
        <p class="stop-where">Failed</p>
        <p class="stop-why foreign">{printable(view.error ?? "")}</p>
      </>
    );
  return (
    <>
      <p class="stop-where">At the end</p>
      <p class="stop-why">
        answer <b class="foreign">{printable(branch?.answer ?? "–")}</b>{" "}
        <Passed passed={branch?.passed} words />
      </p>
    </>
  );
}

export function StopBanner({ view }: { view: SessionView }) {
  const running = view.status === "running",
    busy = doing.value !== null;
  const kind = running
    ? "running"
    : view.status === "failed" || view.stop?.when === "error"
      ? "bad"
      : view.stop?.when === "diverged"
        ? "odd"
        : view.stop
          ? "held"
          : "done";
  return (
    <section class={`stop ${kind}`} aria-label="Where it is held" aria-live="polite">
      <div class="stop-text">
        <Standing view={view} />
      </div>
      <div class="moves" role="group" aria-label="Go on">
        {MOVES.map(([action, name, key, title]) => (
          <button
            key={action}
            class={action === "run" ? "primary" : ""}
            disabled={view.status !== "stopped" || busy}
            title={title}
            aria-keyshortcuts={key}
            onClick={() => void act(action)}
          >
            {name} <Key name={key} />
          </button>
        ))}
        <button
          disabled={!running}
          title="Stop at the next event"
          aria-keyshortcuts="."
          onClick={() => void act("pause")}
        >
          Pause <Key name="." />
        </button>
      </div>
    </section>
  );
}
