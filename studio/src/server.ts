// What this server can do: whether a session is open or can be started, and whether labels can be written.
import { signal } from "@preact/signals";
import { get } from "./api/client";

export interface ServerFacts {
  version: string;
  graph: boolean;
  readonly: boolean;
  saved: boolean;
  session: boolean;
}

export const server = signal<ServerFacts | null>(null);

export async function askServer(): Promise<void> {
  try {
    server.value = await get<ServerFacts>("/api/server");
  } catch {
    server.value = null;
  }
}
