// The fields of the state: what the last visit changed comes first and is marked; each can be edited as text or JSON.
// What arrives cut is read on as it is scrolled, and read whole before it is edited.
import { useState } from "preact/hooks";
import { fieldReader } from "../../api/parts";
import type { Cut, SessionView } from "../../api/session";
import { wholeText } from "../../api/whole";
import { plain } from "../../text/format";
import { printable } from "../../text/printable";
import { LongText } from "../../ui/LongText";
import { tell } from "../../ui/Toast";
import { Difference } from "../compare/Difference";
import { wordDifference } from "../../text/words";
import { act } from "./live";

/** What a person typed, as the field's kind of value: text stays text, all else is read as JSON where it is JSON. */
function read(text: string, before: unknown): unknown {
  if (typeof before === "string") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The whole value of a field that arrived cut. */
async function wholeValue(field: string, { json }: Cut): Promise<unknown> {
  const text = await wholeText(fieldReader(field), `The field ${field}`);
  if (!json) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(`The field ${field} holds what JSON cannot say; set it in the console.`);
  }
}

function Editor({ field, value, close }: { field: string; value: unknown; close: () => void }) {
  const [text, setText] = useState(
    typeof value === "string" ? value : JSON.stringify(value ?? null, null, 2),
  );
  const save = () =>
    void act("set", { field, value: read(text, value) }, `${field} is set.`).then((done) => {
      if (done !== undefined) close();
    });
  return (
    <div class="editor">
      <textarea
        aria-label={`New value of ${field}`}
        rows={Math.min(12, text.split("\n").length + 1)}
        value={text}
        spellcheck={false}
        autofocus
        ref={(element) => {
          if (element && document.activeElement === document.body) element.focus();
        }}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            save();
          }
        }}
      />
      <div class="buttons">
        <button class="primary" onClick={save}>
          Set {printable(field)}
        </button>
        <button onClick={close}>Cancel</button>
        {typeof value !== "string" && <span class="aside">JSON; what is not JSON counts as text</span>}
      </div>
    </div>
  );
}

const SHORT = 72;

function entries(value: object): string {
  const size = Object.keys(value).length;
  return `${size} ${Array.isArray(value) ? "entries" : "fields"}`;
}

/** Changed fields first, then texts and numbers, then what has parts. */
function rank(value: unknown, changed: boolean): number {
  const parts = typeof value === "object" && value !== null;
  return (changed ? 0 : 2) + (parts ? 1 : 0);
}

function Field({
  field,
  value,
  before,
  changed,
  cut,
  editable,
}: {
  field: string;
  value: unknown;
  before: unknown;
  changed: boolean;
  cut: Cut | undefined;
  editable: boolean;
}) {
  const [editing, setEditing] = useState<{ value: unknown } | null>(null);
  const [old, setOld] = useState(false);
  const text = plain(value);
  const edit = () => {
    if (!cut) setEditing({ value });
    else
      wholeValue(field, cut).then(
        (whole) => setEditing({ value: whole }),
        (error: Error) => tell(error.message, true),
      );
  };
  const inline = !editing && !old && text.length <= SHORT && !text.includes("\n");
  const tools = (
    <span class="field-tools">
      {changed && (
        <button class="quiet" aria-pressed={old} onClick={() => setOld(!old)}>
          Difference
        </button>
      )}
      {editable && !editing && (
        <button class="quiet" aria-label={`Edit ${field}`} onClick={edit}>
          Edit
        </button>
      )}
    </span>
  );
  const shown =
    value === null || value === undefined ? (
      <span class="nothing">not set</span>
    ) : text === "" ? (
      <span class="nothing">empty</span>
    ) : inline ? (
      <code class="foreign">{printable(text)}</code>
    ) : cut ? (
      <LongText text={text.replace(/…$/, "")} size={cut.size} read={fieldReader(field)} label={field} />
    ) : typeof value === "object" ? (
      <details>
        <summary>{entries(value)}</summary>
        <LongText text={text} label={field} />
      </details>
    ) : (
      <LongText text={text} label={field} />
    );
  return (
    <div class={`field ${changed ? "changed" : ""} ${inline ? "inline" : ""}`} data-field={field}>
      <div class="field-name">
        <code>{printable(field)}</code>
        {changed && <span class="badge">changed</span>}
        {!inline && tools}
      </div>
      {editing ? (
        <Editor field={field} value={editing.value} close={() => setEditing(null)} />
      ) : old && changed ? (
        <Difference pieces={wordDifference(plain(before), text)} />
      ) : (
        <div class="value">{shown}</div>
      )}
      {inline && tools}
    </div>
  );
}

export function StateInspector({ view }: { view: SessionView }) {
  const changes = new Map((view.changes ?? []).map((change) => [change.field, change]));
  const fields = Object.entries(view.state).sort(
    ([one, a], [other, b]) => rank(a, changes.has(one)) - rank(b, changes.has(other)),
  );
  const frame = view.frames[view.frame ?? view.frames.length - 1];
  return (
    <section class="panel state-panel" aria-label="State">
      <header>
        <h3>State</h3>
        {view.frames.length > 1 && (
          <span class="frames">
            of{" "}
            <b>
              {printable(frame && frame.node ? [...frame.within, frame.node].join(" › ") : "the whole graph")}
            </b>
            <button class="quiet" onClick={() => void act("up")} aria-keyshortcuts="u">
              Up
            </button>
            <button class="quiet" onClick={() => void act("down")} aria-keyshortcuts="d">
              Down
            </button>
          </span>
        )}
      </header>
      {fields.length === 0 ? (
        <p class="nothing">The state is empty.</p>
      ) : (
        fields.map(([field, value]) => (
          <Field
            key={`${view.branch} ${field}`}
            field={field}
            value={value}
            before={changes.get(field)?.before}
            changed={changes.has(field)}
            cut={view.cut?.[field]}
            editable={view.status === "stopped"}
          />
        ))
      )}
    </section>
  );
}
