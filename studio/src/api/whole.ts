// A text that is to be edited, whole: never how it begins, since an edit would write the beginning back for the whole.
import { codePoints } from "../text/blocks";
import { characters } from "../text/format";
import type { ReadPart } from "./parts";

const LONGEST = 1_000_000;

/** Read every piece of a text; `what` names it where it is too long for a box, or changes meanwhile. */
export async function wholeText(read: ReadPart, what: string): Promise<string> {
  const first = await read(0);
  if (first.size > LONGEST)
    throw new Error(
      `${what} has ${characters(first.size)}, too many to edit here; up to ${characters(LONGEST)} can be.`,
    );
  let text = first.text;
  for (let known = codePoints(text); known < first.size; known = codePoints(text)) {
    const part = await read(known);
    if (part.size !== first.size || part.text === "")
      throw new Error(`${what} changed while it was read; try again.`);
    text += part.text;
  }
  return text;
}
