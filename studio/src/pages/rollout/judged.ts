// Whether each turn is right: a turn that wrote a solution by that solution's score, a review by whether it says the truth.
import type { RolloutView, TurnRow } from "../../api/types";

/** For each solution the turn that wrote it, with the latest score that says whether it passed. */
function solutions(view: RolloutView): Map<string, boolean> {
  const passed = new Map<string, boolean>();
  for (const score of view.scores) if (score.passed !== null) passed.set(score.subject_id, score.passed);
  const found = new Map<string, boolean>();
  for (const candidate of view.candidates) {
    const right = passed.get(candidate.id);
    if (candidate.turn_id !== null && right !== undefined) found.set(candidate.turn_id, right);
  }
  return found;
}

/** The turns with `passed` and, for reviews, `truthful`, where the scores tell. */
export function judged(view: RolloutView): TurnRow[] {
  const right = solutions(view);
  return view.turns.map((turn) => {
    const read = turn.parents.map((id) => right.get(id)).find((each) => each !== undefined);
    const truthful =
      turn.verdict && turn.verdict !== "none" && read !== undefined
        ? (turn.verdict === "right") === read
        : null;
    return { ...turn, passed: turn.passed ?? right.get(turn.id) ?? null, truthful };
  });
}
