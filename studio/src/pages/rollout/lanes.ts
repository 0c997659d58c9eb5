// Lanes for a tree of turns drawn beside its list: a turn goes on in the lane of the turn it builds on, a fork opens one.
import type { TurnRow } from "../../api/types";

/** A line in one row, from a lane at the top (or the dot) to a lane at the bottom (or the dot). */
export interface Line {
  from: number;
  to: number;
  part: "into" | "through" | "out";
  role: string;
}
export interface Lane {
  lane: number;
  lines: Line[];
}
export interface Lanes {
  rows: Lane[];
  width: number;
}

const MOST = 10;

export function lanes(turns: TurnRow[]): Lanes {
  const place = new Map(turns.map((turn, index) => [turn.id, index]));
  const lastUse = lastUses(turns, place);
  const laneOf: number[] = [];
  const busyUntil: number[] = [];
  const goesOn = new Set<number>();
  turns.forEach((turn, index) => {
    const parent = turn.parents
      .map((id) => place.get(id))
      .find((at): at is number => at !== undefined && at < index);
    let lane = -1;
    if (parent !== undefined && !goesOn.has(parent)) {
      lane = laneOf[parent] ?? 0;
      goesOn.add(parent);
    } else {
      lane = busyUntil.findIndex((until) => until < index);
      if (lane < 0) lane = busyUntil.length < MOST ? busyUntil.length : MOST - 1;
    }
    laneOf.push(lane);
    busyUntil[lane] = Math.max(busyUntil[lane] ?? -1, lastUse[index] ?? index);
  });
  const rows: Lane[] = laneOf.map((lane) => ({ lane, lines: [] }));
  turns.forEach((turn, index) => {
    turn.parents.forEach((id, nth) => {
      const from = place.get(id);
      if (from !== undefined && from < index) draw(rows, laneOf, from, index, nth === 0, turn.role);
    });
  });
  return { rows, width: Math.max(1, ...laneOf.map((lane) => lane + 1)) };
}

/** For each turn, the place of the last turn that builds on it. */
function lastUses(turns: TurnRow[], place: Map<string, number>): number[] {
  const last = turns.map((_, index) => index);
  turns.forEach((turn, index) => {
    for (const id of turn.parents) {
      const at = place.get(id);
      if (at !== undefined) last[at] = Math.max(last[at] ?? at, index);
    }
  });
  return last;
}

/** A fork bends at its parent, a merge at its child; between, the line stays in one lane. */
function draw(rows: Lane[], laneOf: number[], from: number, to: number, first: boolean, role: string): void {
  const start = laneOf[from] ?? 0,
    end = laneOf[to] ?? 0;
  const between = first ? end : start;
  rows[from]?.lines.push({ from: start, to: between, part: "out", role });
  for (let index = from + 1; index < to; index += 1)
    rows[index]?.lines.push({ from: between, to: between, part: "through", role });
  rows[to]?.lines.push({ from: between, to: end, part: "into", role });
}
