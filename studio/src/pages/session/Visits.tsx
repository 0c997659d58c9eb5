// The visits along the branch's path: what ran, how long, and what each changed; a press forks before one.
import { useEffect, useRef } from "preact/hooks";
import type { SessionView, Visit } from "../../api/session";
import { links } from "../../router";
import { count, seconds } from "../../text/format";
import { printable } from "../../text/printable";
import { roleClass } from "../../ui/marks";
import { act } from "./live";

function Row({ visit, view, longest }: { visit: Visit; view: SessionView; longest: number }) {
  const held = view.stop?.visit.number === visit.number;
  const turn = visit.turns.at(-1);
  return (
    <li
      class={`visit ${held ? "held" : ""} ${visit.status}`}
      aria-current={held ? "step" : undefined}
      data-depth={Math.min(visit.within.length, 3)}
    >
      <span class="visit-number">{visit.number}</span>
      <div class="visit-text">
        <span class={`role ${roleClass(visit.node)}`}>
          <i aria-hidden="true" />
          {printable(visit.node)}
        </span>
        {visit.edited && <span class="badge">edited</span>}
        {visit.branch !== view.branch && (
          <span class="soft">
            <small>of {printable(visit.branch)}</small>
          </span>
        )}
        <span class="turn-facts">
          {visit.completion_tokens > 0 ? `${count(visit.completion_tokens)} tokens · ` : ""}
          {visit.status === "held" ? "held" : visit.status === "running" ? "running" : seconds(visit.seconds)}
        </span>
        <p class="preview">
          {visit.error ? (
            <span class="wrong-ink">{printable(visit.error)}</span>
          ) : visit.changed.length > 0 ? (
            `wrote ${printable(visit.changed.join(", "))}`
          ) : (
            " "
          )}
        </p>
        <span class={`duration ${roleClass(visit.node)}`} aria-hidden="true">
          <i style={{ width: `${longest > 0 ? (100 * (visit.seconds ?? 0)) / longest : 0}%` }} />
        </span>
      </div>
      <span class="visit-tools">
        {turn && (
          <a href={links.turn(view.run, view.rollout, turn)} title="Its turn: prompt, tokens, scores">
            turn
          </a>
        )}
        {view.status !== "running" && (
          <button
            class="quiet"
            title={`Fork before visit ${visit.number}`}
            aria-label={`Fork before visit ${visit.number}`}
            onClick={() => void act("fork", { at: visit.number }, `Forked before visit ${visit.number}.`)}
          >
            fork
          </button>
        )}
      </span>
    </li>
  );
}

export function Visits({ view }: { view: SessionView }) {
  const list = useRef<HTMLOListElement>(null);
  const held = view.stop?.visit.number ?? view.visits.length;
  useEffect(() => {
    list.current?.children[held - 1]?.scrollIntoView({ block: "nearest" });
  }, [held, view.branch]);
  const longest = Math.max(0, ...view.visits.map((visit) => visit.seconds ?? 0));
  return (
    <section class="panel visits-panel" aria-label="Visits">
      <header>
        <h3>Visits</h3>
        <span class="soft">{view.visits.length}</span>
      </header>
      {view.visits.length === 0 ? (
        <p class="nothing">Nothing has run yet.</p>
      ) : (
        <ol class="visits" ref={list}>
          {view.visits.map((visit) => (
            <Row key={visit.key} visit={visit} view={view} longest={longest} />
          ))}
        </ol>
      )}
    </section>
  );
}
