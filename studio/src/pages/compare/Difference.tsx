// Words that were taken away and added, marked by colour and by line.
import type { Piece } from "../../api/types";
import { plain } from "../../text/format";
import { printable } from "../../text/printable";
import { wordDifference } from "../../text/words";

const LONGEST = 20_000;

/** One side of a difference: the text of `side`, with what the other lacks marked; or both sides in one. */
export function Difference({ pieces, side }: { pieces: Piece[]; side?: "a" | "b" }) {
  const hidden = side === "a" ? "+" : side === "b" ? "-" : null;
  const shown = pieces.filter(([kind]) => kind !== hidden);
  return (
    <pre class="foreign difference" dir="auto">
      {shown.map(([kind, text], index) => {
        const cut = text.length > LONGEST ? `${printable(text.slice(0, LONGEST))} … (cut)` : printable(text);
        if (kind === "-") return <del key={index}>{cut}</del>;
        if (kind === "+") return <ins key={index}>{cut}</ins>;
        return <span key={index}>{cut}</span>;
      })}
    </pre>
  );
}

export function ValueDifference({ before, after }: { before: unknown; after: unknown }) {
  return <Difference pieces={wordDifference(plain(before), plain(after))} />;
}
