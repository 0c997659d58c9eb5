// Readers of long texts by the piece.
import { api, get, query } from "./client";
import type { TextPart } from "./types";

const PIECE = 100_000;

/** Reads a text further, from a place in it. */
export type ReadPart = (offset: number) => Promise<TextPart>;

/** Of a text of a turn. */
export function partReader(run: string, turn: string, part: string): ReadPart {
  return (offset) => get<TextPart>(api("runs", run, "turns", turn) + query({ part, offset, length: PIECE }));
}

/** Of a field of the state of the live session. */
export function fieldReader(field: string): ReadPart {
  return (offset) => get<TextPart>("/api/session/state" + query({ field, offset, length: PIECE }));
}
