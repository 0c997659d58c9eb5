// The turns of a rollout in the order in which they began: who, what they said, how long, and what builds on what.
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { TurnRow } from "../../api/types";
import { count, seconds } from "../../text/format";
import { printable } from "../../text/printable";
import { Passed, Role, roleClass, Verdict } from "../../ui/marks";
import { useVirtual } from "../../ui/virtual";
import { type Lane, lanes } from "./lanes";

const ROW = 64;
const STEP = 16;

interface Properties {
  turns: TurnRow[];
  chosen: string | null;
  choose: (id: string) => void;
  node: string | null;
}

function Gutter({ lane, width, role }: { lane: Lane; width: number; role: string }) {
  const x = (at: number) => 10 + at * STEP;
  const middle = ROW / 2;
  return (
    <svg class="gutter" width={width * STEP + 6} height={ROW} aria-hidden="true">
      {lane.lines.map((line, index) => {
        const [top, bottom] =
          line.part === "into" ? [0, middle] : line.part === "out" ? [middle, ROW] : [0, ROW];
        const bend = (top + bottom) / 2;
        return (
          <path
            key={index}
            class={roleClass(line.role)}
            d={`M${x(line.from)},${top} C${x(line.from)},${bend} ${x(line.to)},${bend} ${x(line.to)},${bottom}`}
          />
        );
      })}
      <circle class={roleClass(role)} cx={x(lane.lane)} cy={middle} r="5" />
    </svg>
  );
}

function Row({
  turn,
  lane,
  width,
  begun,
  whole,
  chosen,
  dim,
}: {
  turn: TurnRow;
  lane: Lane;
  width: number;
  begun: number;
  whole: number;
  chosen: boolean;
  dim: boolean;
}) {
  const left = whole > 0 ? (100 * (turn.started - begun)) / whole : 0;
  const wide = whole > 0 ? (100 * turn.seconds) / whole : 100;
  return (
    <div class={`turn-row ${chosen ? "chosen" : ""} ${dim ? "dim" : ""}`}>
      <Gutter lane={lane} width={width} role={turn.role} />
      <div class="turn-text">
        <div class="turn-line">
          <Role role={turn.role} />
          {turn.sample > 0 && <small class="soft">sample {turn.sample}</small>}
          {turn.author && <span class="badge">{printable(turn.author)}</span>}
          {turn.label && <span class="badge">{printable(turn.label)}</span>}
          <Verdict verdict={turn.verdict} why={turn.verdict_why} truthful={turn.truthful} />
          {turn.error ? (
            <span class="mark wrong">error</span>
          ) : (
            turn.passed !== undefined && turn.passed !== null && <Passed passed={turn.passed} />
          )}
          <span class="turn-facts">
            {count(turn.completion_tokens)} tokens · {seconds(turn.seconds)}
          </span>
        </div>
        <p class="preview foreign">{printable((turn.error ?? turn.preview).replaceAll("\n", " ↵ "))}</p>
        <span class={`duration ${roleClass(turn.role)}`} aria-hidden="true">
          <i
            style={{ left: `${Math.min(left, 99)}%`, width: `${Math.max(Math.min(wide, 100 - left), 1)}%` }}
          />
        </span>
      </div>
    </div>
  );
}

export function Timeline({ turns, chosen, choose, node }: Properties) {
  const scroller = useRef<HTMLDivElement>(null);
  const drawn = useMemo(() => lanes(turns), [turns]);
  const [begun, whole] = useMemo(() => {
    const first = Math.min(...turns.map((turn) => turn.started));
    return [first, Math.max(...turns.map((turn) => turn.started + turn.seconds)) - first];
  }, [turns]);
  const virtual = useVirtual({
    count: turns.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 10,
  });
  const at = turns.findIndex((turn) => turn.id === chosen);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
  }, [at]);
  return (
    <div
      class="timeline"
      ref={scroller}
      role="listbox"
      aria-label="Turns"
      aria-activedescendant={at >= 0 ? `turn-${at}` : undefined}
      tabIndex={0}
    >
      <div class="tall" style={{ height: `${virtual.getTotalSize()}px` }}>
        {virtual.getVirtualItems().map((item) => {
          const turn = turns[item.index],
            lane = drawn.rows[item.index];
          if (!turn || !lane) return null;
          return (
            <div
              key={turn.id}
              id={`turn-${item.index}`}
              role="option"
              aria-selected={turn.id === chosen}
              aria-setsize={turns.length}
              aria-posinset={item.index + 1}
              class="placed"
              style={{ transform: `translateY(${item.start}px)` }}
              onClick={() => choose(turn.id)}
            >
              <Row
                turn={turn}
                lane={lane}
                width={drawn.width}
                begun={begun}
                whole={whole}
                chosen={turn.id === chosen}
                dim={node !== null && turn.node !== node}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}
