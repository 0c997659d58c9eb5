// Labels from a person on a stored turn: accept it, reject it, or write what it should have said.
import { useState } from "preact/hooks";
import { api, isSaved, post } from "../../api/client";
import { server } from "../../server";
import { Correction } from "../../ui/Correction";
import { tell } from "../../ui/Toast";

export function Teach({ run, turn, changed }: { run: string; turn: string; changed: () => void }) {
  const [open, setOpen] = useState(false);
  if (isSaved || server.value?.readonly) return null;
  const label = (body: Record<string, unknown>, done: string) => {
    post(api("runs", run, "turns", turn, "label"), body).then(
      () => {
        tell(done);
        setOpen(false);
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
        <button aria-expanded={open} onClick={() => setOpen(!open)}>
          Correct …
        </button>
      </div>
      {open && (
        <Correction
          run={run}
          turn={turn}
          save={(text) =>
            label({ label: "correct", text }, "Corrected: the correction becomes a training row.")
          }
          close={() => setOpen(false)}
        />
      )}
    </div>
  );
}
