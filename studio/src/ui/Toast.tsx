// A short note at the bottom of the page, read aloud by screen readers, gone after a while.
import { signal } from "@preact/signals";
import { printable } from "../text/printable";

const note = signal<{ text: string; bad: boolean } | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Show a note; one that `stays` is there until another comes. */
export function tell(text: string, bad = false, stays = false): void {
  note.value = { text, bad };
  clearTimeout(timer);
  if (stays) return;
  timer = setTimeout(
    () => {
      note.value = null;
    },
    bad ? 9000 : 3500,
  );
}

export function Toast() {
  return (
    <div class="toast-place" role="status" aria-live="polite">
      {note.value && (
        <div class={`toast ${note.value.bad ? "bad" : ""}`}>
          <span class="foreign">{printable(note.value.text)}</span>
          <button
            class="quiet"
            aria-label="Dismiss"
            onClick={() => {
              note.value = null;
            }}
          >
            ✕
          </button>
        </div>
      )}
    </div>
  );
}
