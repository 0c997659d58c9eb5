// Labels from a person on a stored turn: accept it, reject it, or write what it should have said.
import { useState } from "preact/hooks";
import { api, isSaved, post } from "../../api/client";
import { server } from "../../server";
import { tell } from "../../ui/Toast";

export function Teach({
  run,
  turn,
  completion,
  changed,
}: {
  run: string;
  turn: string;
  completion: string;
  changed: () => void;
}) {
  const [text, setText] = useState<string | null>(null);
  if (isSaved || server.value?.readonly) return null;
  const label = (body: Record<string, unknown>, done: string) => {
    post(api("runs", run, "turns", turn, "label"), body).then(
      () => {
        tell(done);
        setText(null);
        changed();
      },
      (error: Error) => tell(error.message, true),
    );
  };
  return (
    <div class="teach">
      <div class="buttons">
        <button onClick={() => label({ label: "accept" }, "Accepted: it counts as a good example.")}>
          ✓ Accept
        </button>
        <button onClick={() => label({ label: "reject" }, "Rejected: it counts as a bad example.")}>
          ✗ Reject
        </button>
        <button aria-expanded={text !== null} onClick={() => setText(text === null ? completion : null)}>
          Correct …
        </button>
      </div>
      {text !== null && (
        <div class="editor">
          <textarea
            aria-label="What it should have said"
            rows={8}
            value={text}
            spellcheck={false}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <div class="buttons">
            <button
              class="primary"
              onClick={() =>
                label({ label: "correct", text }, "Corrected: the correction becomes a training row.")
              }
            >
              Save the correction
            </button>
            <button onClick={() => setText(null)}>Cancel</button>
          </div>
        </div>
      )}
    </div>
  );
}
