// The graph as a picture: the path taken, how often each edge was taken, where it is now, and where it will stop.
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { GraphData } from "../api/types";
import { printable } from "../text/printable";
import { roleClass } from "../ui/marks";
import { curve, nodeTitle, place, type PlacedEdge, type PlacedNode } from "./layout";

export interface GraphMarks {
  /** How often each node was visited; none: as the graph's own counts say. */
  visits: Map<string, number>;
  /** How often each edge was taken, by "source→target". */
  taken: Map<string, number>;
  current?: string | null;
  stops?: Set<string>;
  chosen?: string | null;
}
/** How far a tall graph is made smaller before it scrolls. */
const SMALLEST = 0.7;

interface Properties {
  graph: GraphData;
  marks: GraphMarks;
  onNode?: (id: string) => void;
  action?: string;
  label: string;
}

function Edge({ edge, taken }: { edge: PlacedEdge; taken: number }) {
  const middle = edge.points[Math.floor(edge.points.length / 2)];
  return (
    <g class={`edge ${taken > 0 ? "taken" : ""} ${edge.conditional ? "conditional" : ""}`}>
      <path d={curve(edge.points)} marker-end={`url(#${taken > 0 ? "arrow-taken" : "arrow"})`} />
      {taken > 1 && middle && (
        <g class="count" transform={`translate(${middle.x} ${middle.y})`}>
          <rect x="-13" y="-9" width="26" height="18" rx="9" />
          <text dy="0.34em">{taken > 999 ? `${Math.round(taken / 1000)}k` : taken}</text>
        </g>
      )}
    </g>
  );
}

function Node({
  node,
  marks,
  onNode,
  action,
}: {
  node: PlacedNode;
  marks: GraphMarks;
  onNode: ((id: string) => void) | undefined;
  action: string | undefined;
}) {
  const end = node.id.endsWith("__start__") || node.id.endsWith("__end__");
  const visits = marks.visits.get(node.id) ?? 0;
  const title = printable(nodeTitle(node));
  const state = `${end ? "end" : roleClass(node.label)} ${node.group ? "group" : ""} ${visits > 0 || end ? "visited" : ""} ${marks.current === node.id ? "current" : ""} ${marks.chosen === node.id ? "chosen" : ""}`;
  const press =
    onNode && !end
      ? {
          role: "button" as const,
          tabIndex: 0,
          "aria-label": `${title}: ${visits} visits${marks.stops?.has(node.id) ? ", breakpoint" : ""}. ${action ?? ""}`,
          onClick: () => onNode(node.id),
          onKeyDown: (event: KeyboardEvent) => {
            if (event.key === "Enter" || event.key === " ") {
              event.preventDefault();
              onNode(node.id);
            }
          },
        }
      : {};
  const { width, height } = node;
  return (
    <g
      class={`node ${state}`}
      transform={`translate(${node.x - width / 2} ${node.y - height / 2})`}
      {...press}
    >
      {marks.current === node.id && (
        <rect class="halo" x="-5" y="-5" width={width + 10} height={height + 10} rx="13" />
      )}
      <rect class="box" width={width} height={height} rx={end ? height / 2 : 9} />
      {!end && !node.group && <rect class="stripe" x="9" y={height / 2 - 5} width="10" height="10" rx="3" />}
      {node.group ? (
        <text class="title" x="12" y="16">
          {title}
        </text>
      ) : (
        <text
          class="title"
          x={end ? width / 2 : 27}
          y={height / 2}
          dy="0.34em"
          text-anchor={end ? "middle" : "start"}
        >
          {title.length > 24 ? `${title.slice(0, 23)}…` : title}
        </text>
      )}
      {visits > 1 && (
        <g class="visits" transform={`translate(${width - 4} 2)`}>
          <rect x="-16" y="-10" width="28" height="18" rx="9" />
          <text x="-2" dy="0.2em">
            ×{visits}
          </text>
        </g>
      )}
      {marks.stops?.has(node.id) && (
        <circle class="breakpoint" cx="0" cy={node.group ? 0 : height / 2} r="6" />
      )}
      {action && <title>{action}</title>}
    </g>
  );
}

export function GraphView({ graph, marks, onNode, action, label }: Properties) {
  const placed = useMemo(() => place(graph), [graph]);
  const drawing = useRef<SVGSVGElement>(null);
  useEffect(() => {
    drawing.current?.querySelector(".current")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [marks.current]);
  if (graph.nodes.length === 0) return <p class="nothing">The graph of this run is not known.</p>;
  const groups = placed.nodes.filter((node) => node.group),
    nodes = placed.nodes.filter((node) => !node.group);
  return (
    <svg
      ref={drawing}
      class="graph"
      viewBox={`0 0 ${placed.width} ${placed.height}`}
      role="group"
      aria-label={label}
      style={{
        maxWidth: `${placed.width}px`,
        maxHeight: `min(${placed.height}px, max(${SMALLEST * placed.height}px, var(--graph-room)))`,
      }}
    >
      <defs>
        {["arrow", "arrow-taken"].map((id) => (
          <marker
            key={id}
            id={id}
            viewBox="0 0 10 10"
            refX="9"
            refY="5"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M1 1.5 9 5 1 8.5z" />
          </marker>
        ))}
      </defs>
      {groups.map((node) => (
        <Node key={node.id} node={node} marks={marks} onNode={onNode} action={action} />
      ))}
      {placed.edges.map((edge) => (
        <Edge key={edge.id} edge={edge} taken={marks.taken.get(`${edge.source}→${edge.target}`) ?? 0} />
      ))}
      {nodes.map((node) => (
        <Node key={node.id} node={node} marks={marks} onNode={onNode} action={action} />
      ))}
    </svg>
  );
}
