// A long text in blocks of lines, small enough to draw one at a time, made as its pieces arrive.
import { printable } from "./printable";

const LINES = 24;
const CHARACTERS = 2400;

export interface Blocks {
  blocks: string[];
  rest: string;
  read: number;
}
export const NO_BLOCKS: Blocks = { blocks: [], rest: "", read: 0 };

/** How many code points a text has; the server counts so. */
export function codePoints(text: string): number {
  let number = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdbff) index += 1;
    number += 1;
  }
  return number;
}

/** A line too long to draw at once, in parts that do not split a pair of surrogates. */
function parts(line: string): string[] {
  const found: string[] = [];
  let from = 0;
  while (line.length - from > CHARACTERS) {
    const unit = line.charCodeAt(from + CHARACTERS - 1);
    const end = from + CHARACTERS - (unit >= 0xd800 && unit <= 0xdbff ? 1 : 0);
    found.push(line.slice(from, end));
    from = end;
  }
  found.push(line.slice(from));
  return found;
}

function grouped(lines: string[]): string[] {
  const blocks: string[] = [];
  let block: string[] = [];
  let length = 0;
  for (const line of lines) {
    if (block.length >= LINES || (block.length > 0 && length + line.length > CHARACTERS)) {
      blocks.push(block.join("\n"));
      block = [];
      length = 0;
    }
    block.push(line);
    length += line.length;
  }
  if (block.length > 0) blocks.push(block.join("\n"));
  return blocks;
}

/** Add a piece; what follows its last line feed waits for the next one, unless it is the last. */
export function withPiece(before: Blocks, piece: string, last: boolean): Blocks {
  const text = before.rest + piece;
  const cut = last ? text.length : text.lastIndexOf("\n") + 1;
  const whole = cut === 0 ? text : text.slice(0, cut);
  const lines = printable(whole).replace(/\n$/, "").split("\n").flatMap(parts);
  return {
    blocks: before.blocks.concat(grouped(lines)),
    rest: cut === 0 ? "" : text.slice(cut),
    read: before.read + codePoints(piece),
  };
}
