// Differences of two texts by words, for texts that the server has not compared.
import { diffWordsWithSpace } from "diff";
import type { Piece } from "../api/types";

const LONGEST = 20_000;

/** What is kept, taken away and added; long texts count as replaced as a whole. */
export function wordDifference(before: string, after: string): Piece[] {
  if (before === after) return [["=", before]];
  if (before.length + after.length > LONGEST)
    return [
      ["-", before],
      ["+", after],
    ];
  return diffWordsWithSpace(before, after).map((part): Piece => [
    part.added ? "+" : part.removed ? "-" : "=",
    part.value,
  ]);
}
