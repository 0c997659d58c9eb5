// The table itself: only the rows in sight exist; one row is the current one, for keys.
import { useEffect, useRef, useState } from "preact/hooks";
import { links, go } from "../../router";
import { useShortcuts } from "../../ui/keys";
import { useVirtual } from "../../ui/virtual";
import { COLUMNS, type Column } from "./columns";
import type { Rows } from "./pages";

const HEIGHT = 40;

interface Properties {
  run: string;
  rows: Rows;
  sort: string;
  changeSort: (sort: string) => void;
  marked: string | null;
  mark: (id: string) => void;
}

function Heading({ column, sort, change }: { column: Column; sort: string; change: (sort: string) => void }) {
  const by = column.sort;
  const direction =
    by === null ? null : sort === by ? "ascending" : sort === `-${by}` ? "descending" : "none";
  const next = direction === "descending" ? (by ?? "") : direction === "ascending" ? "" : `-${by}`;
  return (
    <div
      role="columnheader"
      class={`cell ${column.name} ${column.numeric ? "numeric" : ""}`}
      aria-sort={direction ?? undefined}
    >
      {by === null ? (
        column.title
      ) : (
        <button onClick={() => change(next)} title={`Sort by ${by}`}>
          {column.title || <span class="unseen">right</span>}
          {!column.title && <span aria-hidden="true">✓</span>}
          <span class="arrow" aria-hidden="true">
            {direction === "ascending" ? "↑" : direction === "descending" ? "↓" : ""}
          </span>
        </button>
      )}
    </div>
  );
}

/** A click opens a row unless it is on a control or ends a selection of text. */
function opens(event: MouseEvent): boolean {
  return !(event.target as Element).closest("a, button") && (getSelection()?.isCollapsed ?? true);
}

export function Table({ run, rows, sort, changeSort, marked, mark }: Properties) {
  const scroller = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState(0);
  const virtual = useVirtual({
    count: rows.matching,
    getScrollElement: () => scroller.current,
    estimateSize: () => HEIGHT,
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0,
    last = items.at(-1)?.index ?? 0;
  useEffect(() => rows.want(first, last), [first, last, rows.matching]);
  useEffect(() => {
    setCurrent((index) => Math.max(0, Math.min(index, rows.matching - 1)));
  }, [rows.matching]);

  const move = (index: number) => {
    const to = Math.max(0, Math.min(rows.matching - 1, index));
    setCurrent(to);
    virtual.scrollToIndex(to, { align: "auto" });
  };
  const at = rows.row(current);
  useShortcuts("table", {
    next: () => move(current + 1),
    previous: () => move(current - 1),
    first: () => move(0),
    last: () => move(rows.matching - 1),
    open: () => {
      if (at) go(links.rollout(run, at.id));
    },
    mark: () => {
      if (at) mark(at.id);
    },
    filter: () => document.getElementById("filter")?.focus(),
  });
  return (
    <div class="table" role="grid" aria-label="Rollouts" aria-rowcount={rows.matching + 1}>
      <div class="row heading" role="row">
        {COLUMNS.map((column) => (
          <Heading key={column.name} column={column} sort={sort} change={changeSort} />
        ))}
        <div role="columnheader" class="cell compare">
          <span class="unseen">compare</span>
        </div>
      </div>
      <div class="scroller" ref={scroller} tabIndex={0} aria-label="Rows">
        <div class="tall" style={{ height: `${virtual.getTotalSize()}px` }}>
          {items.map((item) => {
            const row = rows.row(item.index);
            const state = `${item.index === current ? "current" : ""} ${row && row.id === marked ? "marked" : ""} ${row ? "" : "unread"}`;
            return (
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={item.index === current}
                class={`row ${state}`}
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={(event) => {
                  setCurrent(item.index);
                  if (row && opens(event)) go(links.rollout(run, row.id));
                }}
              >
                {row ? (
                  COLUMNS.map((column) => (
                    <div
                      key={column.name}
                      role="gridcell"
                      class={`cell ${column.name} ${column.numeric ? "numeric" : ""}`}
                    >
                      {column.name === "task" ? (
                        <a href={links.rollout(run, row.id)} tabIndex={-1}>
                          {column.show(row)}
                        </a>
                      ) : (
                        column.show(row)
                      )}
                    </div>
                  ))
                ) : (
                  <div class="cell waiting">
                    <i />
                  </div>
                )}
                {row && (
                  <div role="gridcell" class="cell compare">
                    <button
                      class="quiet"
                      tabIndex={-1}
                      aria-pressed={row.id === marked}
                      aria-label={`Mark ${row.task} to compare`}
                      title="Mark to compare (m)"
                      onClick={() => mark(row.id)}
                    >
                      ⇄
                    </button>
                  </div>
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
