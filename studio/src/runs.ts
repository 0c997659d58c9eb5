// The runs that the studio was opened with, and their names for titles and crumbs.
import { signal } from "@preact/signals";
import { get } from "./api/client";
import type { RunRow } from "./api/types";
import { brief } from "./text/format";

export const runs = signal<RunRow[] | null>(null);

export async function readRuns(): Promise<void> {
  try {
    runs.value = await get<RunRow[]>("/api/runs");
  } catch {
    runs.value ??= null;
  }
}

export function runName(id: string): string {
  return runs.value?.find((run) => run.id === id)?.name ?? brief(id);
}
