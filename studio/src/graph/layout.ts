// Where the nodes and edges of a graph stand, worked out by dagre; groups of subgraphs around their nodes.
import { Graph, layout } from "@dagrejs/dagre";
import type { GraphData, GraphEdge, GraphNode } from "../api/types";

export interface PlacedNode extends GraphNode {
  x: number;
  y: number;
  width: number;
  height: number;
  group: boolean;
}
export interface PlacedEdge extends GraphEdge {
  id: string;
  points: { x: number; y: number }[];
}
export interface Placed {
  nodes: PlacedNode[];
  edges: PlacedEdge[];
  width: number;
  height: number;
}

const HEIGHT = 34;
const MARGIN = 14;

function widthOf(label: string): number {
  return Math.max(76, Math.min(220, 34 + 7.4 * label.length));
}

function isEnd(node: GraphNode): boolean {
  return node.id.endsWith("__start__") || node.id.endsWith("__end__");
}

export function nodeTitle(node: GraphNode): string {
  return node.id.endsWith("__start__") ? "start" : node.id.endsWith("__end__") ? "end" : node.label;
}

export function place(graph: GraphData): Placed {
  const drawn = new Graph({ directed: true, compound: true, multigraph: true });
  drawn.setGraph({ rankdir: "TB", nodesep: 34, ranksep: 54, edgesep: 24, marginx: MARGIN, marginy: MARGIN });
  drawn.setDefaultEdgeLabel(() => ({}));
  const groups = new Set(
    graph.nodes.map((node) => node.parent).filter((parent): parent is string => parent !== null),
  );
  const known = new Set(graph.nodes.map((node) => node.id));
  for (const node of graph.nodes) {
    const title = nodeTitle(node);
    drawn.setNode(
      node.id,
      groups.has(node.id)
        ? {}
        : { width: isEnd(node) ? 52 : widthOf(title), height: isEnd(node) ? 24 : HEIGHT },
    );
  }
  for (const node of graph.nodes)
    if (node.parent !== null && known.has(node.parent)) drawn.setParent(node.id, node.parent);
  const edges = graph.edges.filter((edge) => known.has(edge.source) && known.has(edge.target));
  edges.forEach((edge, index) => {
    drawn.setEdge(
      inside(edge.source, graph, groups, false),
      inside(edge.target, graph, groups, true),
      { width: 26, height: 14, labelpos: "c" },
      String(index),
    );
  });
  layout(drawn);
  const size = drawn.graph() as { width?: number; height?: number };
  return {
    nodes: graph.nodes.map((node) => ({
      ...node,
      ...(drawn.node(node.id) as { x: number; y: number; width: number; height: number }),
      group: groups.has(node.id),
    })),
    edges: edges.map((edge, index) => {
      const from = inside(edge.source, graph, groups, false),
        to = inside(edge.target, graph, groups, true);
      const found = drawn.edge(from, to, String(index)) as unknown as { points: { x: number; y: number }[] };
      return { ...edge, id: `${edge.source}→${edge.target}#${index}`, points: found.points };
    }),
    width: size.width ?? 0,
    height: size.height ?? 0,
  };
}

/** dagre draws no edge to a group itself: the first or last node in it stands for it. */
function inside(id: string, graph: GraphData, groups: Set<string>, entering: boolean): string {
  if (!groups.has(id)) return id;
  const members = graph.nodes.filter((node) => node.parent === id);
  const wanted =
    members.find((node) => node.id.endsWith(entering ? "__start__" : "__end__")) ??
    (entering ? members[0] : members.at(-1));
  return wanted ? inside(wanted.id, graph, groups, entering) : id;
}

/** A smooth line along the points of an edge: a B-spline, which ends in the direction of its last part. */
export function curve(points: { x: number; y: number }[]): string {
  const [first] = points,
    last = points.at(-1);
  if (!first || !last) return "";
  if (points.length < 3) return `M${first.x},${first.y} L${last.x},${last.y}`;
  let line = `M${first.x},${first.y}`;
  for (let index = 1; index < points.length; index += 1) {
    const before = points[Math.max(0, index - 2)]!,
      from = points[index - 1]!,
      to = points[index]!;
    line +=
      index === 1
        ? ` L${(5 * from.x + to.x) / 6},${(5 * from.y + to.y) / 6}`
        : ` C${(2 * before.x + from.x) / 3},${(2 * before.y + from.y) / 3} ${(before.x + 2 * from.x) / 3},${(before.y + 2 * from.y) / 3} ${(before.x + 4 * from.x + to.x) / 6},${(before.y + 4 * from.y + to.y) / 6}`;
  }
  const beforeLast = points[points.length - 2]!;
  return `${line} C${(2 * beforeLast.x + last.x) / 3},${(2 * beforeLast.y + last.y) / 3} ${(beforeLast.x + 2 * last.x) / 3},${(beforeLast.y + 2 * last.y) / 3} ${last.x},${last.y}`;
}
