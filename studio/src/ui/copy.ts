// Copying to the clipboard, with a note of what was copied.
import { tell } from "./Toast";

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    tell(`Copied ${what}.`);
  } catch {
    tell(`The browser does not let the page copy ${what}.`, true);
  }
}

export function linkTo(hash: string): string {
  return location.href.replace(/#.*$/, "") + hash;
}
