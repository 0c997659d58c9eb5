// Which edges a path of nodes took. A record knows the nodes in order, not the edges: of parallel nodes each is led
// back to the latest node before it that has a way to it, and on to the next one that it has a way to. A way is an
// edge, or edges through the starts and ends of subgraphs, which are drawn and never visited.
import type { GraphData } from "../api/types";

export interface Taken {
  visits: Map<string, number>;
  taken: Map<string, number>;
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function isMark(node: string): boolean {
  return node.endsWith("/__start__") || node.endsWith("/__end__");
}

/** Ways from node to node, as the edges on them ("source→target"). */
class Ways {
  private readonly next = new Map<string, string[]>();
  private readonly known = new Map<string, Map<string, string[]>>();

  constructor(graph: GraphData) {
    for (const { source, target } of graph.edges) {
      const targets = this.next.get(source) ?? [];
      targets.push(target);
      this.next.set(source, targets);
    }
  }

  between(from: string, to: string): string[] | undefined {
    const known = this.known.get(from) ?? this.from(from);
    return known.get(to);
  }

  private from(start: string): Map<string, string[]> {
    const found = new Map<string, string[]>();
    const open: [string, string[]][] = [[start, []]];
    for (const [node, way] of open) {
      for (const target of this.next.get(node) ?? []) {
        if (found.has(target)) continue;
        const longer = [...way, `${node}→${target}`];
        found.set(target, longer);
        if (isMark(target)) open.push([target, longer]);
      }
    }
    this.known.set(start, found);
    return found;
  }
}

/** How often `path` visits each node and goes along each edge; `ended` adds the way to the end. */
export function along(graph: GraphData, path: string[], ended: boolean): Taken {
  const visits = new Map<string, number>();
  const taken = new Map<string, number>();
  const ways = new Ways(graph);
  const whole = ["__start__", ...path, ...(ended ? ["__end__"] : [])];
  const left = new Set<number>();
  for (const node of path) add(visits, node);
  whole.forEach((node, index) => {
    for (let before = index - 1; before >= 0; before -= 1) {
      const way = ways.between(whole[before] ?? "", node);
      if (!way) continue;
      for (const edge of way) add(taken, edge);
      left.add(before);
      break;
    }
  });
  whole.slice(0, -1).forEach((node, index) => {
    if (index === 0 || left.has(index)) return;
    const way = whole
      .slice(index + 1)
      .map((each) => ways.between(node, each))
      .find((each) => each !== undefined);
    for (const edge of way ?? []) add(taken, edge);
  });
  return { visits, taken };
}
