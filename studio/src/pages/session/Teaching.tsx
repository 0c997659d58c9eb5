// What a person says of the latest turn: accept, reject, correct, or put several in order; each becomes training data.
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api/client";
import { useResource } from "../../api/resource";
import type { SessionView } from "../../api/session";
import type { RolloutView, TurnRow } from "../../api/types";
import { count } from "../../text/format";
import { printable } from "../../text/printable";
import { Correction } from "../../ui/Correction";
import { Role } from "../../ui/marks";
import { act } from "./live";

function moved(ids: string[], at: number, by: number): string[] {
  const order = [...ids];
  const [one] = order.splice(at, 1);
  if (one !== undefined) order.splice(at + by, 0, one);
  return order;
}

function Ranking({ turns, close }: { turns: TurnRow[]; close: () => void }) {
  const [order, setOrder] = useState(turns.map((turn) => turn.id));
  useEffect(() => setOrder(turns.map((turn) => turn.id)), [turns.length]);
  const rows = order
    .map((id) => turns.find((turn) => turn.id === id))
    .filter((turn): turn is TurnRow => turn !== undefined);
  return (
    <div class="editor">
      <p class="aside">Best first. Each pair becomes a preference.</p>
      <ol class="ranking">
        {rows.map((turn, index) => (
          <li key={turn.id}>
            <span class="preview foreign">{printable(turn.preview.replaceAll("\n", " ↵ "))}</span>
            <button
              class="quiet"
              aria-label="Better"
              disabled={index === 0}
              onClick={() => setOrder(moved(order, index, -1))}
            >
              ↑
            </button>
            <button
              class="quiet"
              aria-label="Worse"
              disabled={index === rows.length - 1}
              onClick={() => setOrder(moved(order, index, 1))}
            >
              ↓
            </button>
          </li>
        ))}
      </ol>
      <div class="buttons">
        <button
          class="primary"
          onClick={() =>
            void act("rank", { turn_ids: order }, "The order is kept.").then((done) => {
              if (done !== undefined) close();
            })
          }
        >
          Keep this order
        </button>
        <button onClick={close}>Cancel</button>
      </div>
    </div>
  );
}

export function Teaching({ view }: { view: SessionView }) {
  const latest = [...view.visits].reverse().flatMap((visit) => [...visit.turns].reverse())[0];
  const rollout = useResource<RolloutView>(
    latest ? api("runs", view.run, "rollouts", view.rollout) : null,
    view.visits.length + view.visits.filter((visit) => visit.status === "done").length,
  );
  const [open, setOpen] = useState<"correct" | "rank" | null>(null);
  const turns = rollout.data?.turns ?? [];
  const turn = turns.find((each) => each.id === latest);
  const alike = turns.filter((each) => each.role === turn?.role);
  const lessons = view.lessons ?? [];
  return (
    <section class="panel" aria-label="Teach">
      <header>
        <h3>Teach</h3>
        {lessons.length > 0 && <span class="badge">{count(lessons.length)} lessons</span>}
      </header>
      {!latest ? (
        <p class="nothing">No turn has been made yet.</p>
      ) : (
        <>
          {turn && (
            <p class="taught-turn">
              <Role role={turn.role} />{" "}
              <span class="preview foreign">{printable(turn.preview.replaceAll("\n", " ↵ "))}</span>
            </p>
          )}
          <div class="buttons">
            <button
              onClick={() =>
                void act("accept", { turn_id: latest }, "Accepted: it counts as a good example.")
              }
            >
              ✓ Accept
            </button>
            <button
              onClick={() => void act("reject", { turn_id: latest }, "Rejected: it counts as a bad example.")}
            >
              ✗ Reject
            </button>
            <button
              aria-expanded={open === "correct"}
              onClick={() => setOpen(open === "correct" ? null : "correct")}
            >
              Correct …
            </button>
            <button
              aria-expanded={open === "rank"}
              disabled={alike.length < 2}
              onClick={() => setOpen(open === "rank" ? null : "rank")}
            >
              Rank …
            </button>
          </div>
          {open === "correct" && (
            <Correction
              key={latest}
              run={view.run}
              turn={latest}
              save={(text) =>
                void act(
                  "correct",
                  { text, turn_id: latest },
                  "Corrected: the correction becomes a training row.",
                ).then((done) => {
                  if (done !== undefined) setOpen(null);
                })
              }
              close={() => setOpen(null)}
            />
          )}
          {open === "rank" && <Ranking turns={alike} close={() => setOpen(null)} />}
        </>
      )}
    </section>
  );
}
