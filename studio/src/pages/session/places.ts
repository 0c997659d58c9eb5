// Where visits stand in the picture of the graph, and how a stop reads in words.
import type { Stop, Visit } from "../../api/session";
import type { GraphData } from "../../api/types";

/** The id of a visit's node in the graph: inner nodes carry the names of the subgraphs around them. */
export function nodeOf(visit: { node: string; within: string[] }, graph: GraphData): string | null {
  const known = new Set(graph.nodes.map((node) => node.id));
  const names = [...visit.within, visit.node];
  return [names.join(":"), names.join("/"), names.join("."), visit.node].find((id) => known.has(id)) ?? null;
}

/** The visits' nodes in order, as far as the graph shows them. */
export function pathOf(visits: Visit[], graph: GraphData): string[] {
  return visits.map((visit) => nodeOf(visit, graph)).filter((id): id is string => id !== null);
}

const WORDS: Record<Stop["when"], string> = {
  before: "Before",
  prompt: "About to ask in",
  after: "After",
  error: "Error in",
  asks: "Question from",
  diverged: "Left the record in",
};

export function headline(stop: Stop): { words: string; node: string } {
  return { words: WORDS[stop.when], node: [...stop.visit.within, stop.visit.node].join(" › ") };
}
