// Foreign text of any length: short ones as they are, longer ones folded, huge ones read piece by piece in a scroller.
// Always plain text in an element of its own, its direction its own; never HTML.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ReadPart } from "../api/parts";
import { type Blocks, codePoints, NO_BLOCKS, withPiece } from "../text/blocks";
import { characters } from "../text/format";
import { printable } from "../text/printable";
import { tell } from "./Toast";
import { useVirtual } from "./virtual";

const FOLDED_LINES = 18;
const FOLDED = 1600;
const SCROLLED = 12_000;

interface Properties {
  text: string;
  size?: number | undefined;
  read?: ReadPart | undefined;
  folded?: boolean;
  label?: string;
}

function folds(text: string): boolean {
  if (text.length > FOLDED) return true;
  let lines = 1;
  for (const letter of text) if (letter === "\n") lines += 1;
  return lines > FOLDED_LINES;
}

function Folded({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  const shown = open
    ? text
    : text
        .split("\n")
        .slice(0, FOLDED_LINES - 4)
        .join("\n")
        .slice(0, FOLDED - 200);
  return (
    <div class={`folded ${open ? "open" : ""}`}>
      <pre class="foreign" dir="auto">
        {printable(shown)}
      </pre>
      <button class="fold" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? "Show less" : `Show all ${characters(text.length)}`}
      </button>
    </div>
  );
}

function Scrolled({
  text,
  size,
  read,
  label,
}: {
  text: string;
  size: number;
  read?: ReadPart | undefined;
  label?: string | undefined;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const first = useMemo(() => withPiece(NO_BLOCKS, text, codePoints(text) >= size || !read), [text, size]);
  const [held, setHeld] = useState<Blocks>(first);
  const [busy, setBusy] = useState(false);
  useEffect(() => setHeld(first), [first]);
  const virtual = useVirtual({
    count: held.blocks.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 380,
    overscan: 2,
  });
  const items = virtual.getVirtualItems();
  const missing = read !== undefined && held.read < size;
  const atEnd = (items.at(-1)?.index ?? -1) >= held.blocks.length - 2;
  useEffect(() => {
    if (!missing || !atEnd || busy || !read) return;
    setBusy(true);
    read(held.read)
      .then(
        (part) =>
          setHeld((before) =>
            withPiece(before, part.text, part.text === "" || before.read + codePoints(part.text) >= size),
          ),
        (error: Error) => tell(error.message, true),
      )
      .finally(() => setBusy(false));
  }, [missing, atEnd, held.read]);
  return (
    <div class="scrolled">
      <div class="scroller" ref={scroller} tabIndex={0} role="region" aria-label={label ?? "long text"}>
        <div class="tall" style={{ height: `${virtual.getTotalSize()}px` }}>
          {items.map((item) => (
            <pre
              key={item.key}
              data-index={item.index}
              ref={virtual.measureElement}
              class="foreign block"
              dir="auto"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              {held.blocks[item.index] || " "}
            </pre>
          ))}
        </div>
      </div>
      <p class="aside">
        {characters(size)}
        {missing ? `, ${characters(held.read)} read; the rest follows as you scroll` : ""}
      </p>
    </div>
  );
}

export function LongText({ text, size, read, folded = true, label }: Properties) {
  if (text === "") return <p class="nothing">(empty)</p>;
  const whole = size ?? text.length;
  if (text.length > SCROLLED || (read && whole > codePoints(text)))
    return <Scrolled text={text} size={whole} read={read} label={label} />;
  if (folded && folds(text)) return <Folded text={text} />;
  return (
    <pre class="foreign" dir="auto">
      {printable(text)}
    </pre>
  );
}
