// The fields of the state: what the last visit changed comes first and is marked; each can be edited as text or JSON.
// What arrives cut is read on as it is scrolled, and read whole before it is edited. JSON is sent as it was typed, and
// never read as numbers here, which would round what nobody touched.
import { useState } from "preact/hooks";
import { fieldReader } from "../../api/parts";
import type { FieldText, SessionView } from "../../api/session";
import { wholeText } from "../../api/whole";
import { codePoints } from "../../text/blocks";
import { plain } from "../../text/format";
import { printable } from "../../text/printable";
import { LongText } from "../../ui/LongText";
import { tell } from "../../ui/Toast";
import { Difference } from "../compare/Difference";
import { wordDifference } from "../../text/words";
import { act } from "./live";

function Editor({ field, begun, close }: { field: string; begun: FieldText; close: () => void }) {
  const [text, setText] = useState(begun.text);
  const save = () =>
    void act("set", { field, text }, `${field} is set.`).then((done) => {
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
        {begun.json && <span class="aside">JSON; what is not JSON counts as text</span>}
      </div>
    </div>
  );
}

const SHORT = 72;

/** Changed fields first, then texts and numbers, then what has parts. */
function rank(value: FieldText, changed: boolean): number {
  return (changed ? 0 : 2) + (value.parts === null ? 0 : 1);
}

function Field({
  field,
  value,
  before,
  changed,
  editable,
}: {
  field: string;
  value: FieldText;
  before: string | null | undefined;
  changed: boolean;
  editable: boolean;
}) {
  const [editing, setEditing] = useState<FieldText | null>(null);
  const [old, setOld] = useState(false);
  const { text, size, json, parts } = value;
  const cut = codePoints(text) < size;
  const edit = () => {
    if (!cut) setEditing(value);
    else
      wholeText(fieldReader(field), `The field ${field}`).then(
        (whole) => setEditing({ ...value, text: whole }),
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
    json && text === "null" ? (
      <span class="nothing">not set</span>
    ) : text === "" ? (
      <span class="nothing">empty</span>
    ) : inline ? (
      <code class="foreign">{printable(text)}</code>
    ) : cut ? (
      <LongText text={text} size={size} read={fieldReader(field)} label={field} />
    ) : parts !== null ? (
      <details>
        <summary>
          {parts} {text.startsWith("[") ? "entries" : "fields"}
        </summary>
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
        <Editor field={field} begun={editing} close={() => setEditing(null)} />
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
            editable={view.status === "stopped"}
          />
        ))
      )}
    </section>
  );
}
