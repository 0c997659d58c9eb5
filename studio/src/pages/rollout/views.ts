// How turns are looked at; kept from turn to turn.
import { signal } from "@preact/signals";

export const asTokens = signal(false);
export const rawPrompt = signal(false);
