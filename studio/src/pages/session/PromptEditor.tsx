// The prompt that is about to be sent: its messages and sampling settings, to edit, to send, or to answer oneself.
// Contents are sent as they were typed, and only those that were changed: JSON is never read as numbers here.
import { useEffect, useState } from "preact/hooks";
import type { PendingPrompt } from "../../api/session";
import { printable } from "../../text/printable";
import { LongText } from "../../ui/LongText";
import { Role } from "../../ui/marks";
import { Switch } from "../../ui/Switch";
import { act, doing } from "./live";

const NUMBERS = ["temperature", "top_p", "max_tokens"];

/** What is to be sent of an edit: nothing of what is as it was. */
function edits(request: PendingPrompt, contents: string[], sampling: PendingPrompt["sampling"]) {
  const typed = contents.map((text, at) => (text === request.messages[at]?.content ? null : text));
  const set = NUMBERS.filter((name) => sampling[name] !== request.sampling[name]);
  return {
    ...(typed.some((text) => text !== null) ? { contents: typed } : {}),
    ...(set.length > 0 ? { sampling: Object.fromEntries(set.map((name) => [name, sampling[name]])) } : {}),
  };
}

function Sampling({
  sampling,
  change,
}: {
  sampling: Record<string, unknown>;
  change: (name: string, value: number) => void;
}) {
  return (
    <div class="sampling">
      {NUMBERS.map((name) => (
        <label key={name}>
          {name.replaceAll("_", " ")}
          <input
            type="number"
            step={name === "max_tokens" ? 1 : 0.1}
            min={0}
            value={String(sampling[name] ?? "")}
            onInput={(event) => {
              if (event.currentTarget.value !== "") change(name, event.currentTarget.valueAsNumber);
            }}
          />
        </label>
      ))}
    </div>
  );
}

function Say() {
  const [open, setOpen] = useState(false);
  const [words, setWords] = useState("");
  if (!open) return <button onClick={() => setOpen(true)}>Answer it yourself …</button>;
  return (
    <div class="editor">
      <textarea
        aria-label="Your answer in the model's place"
        rows={5}
        value={words}
        spellcheck={false}
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      <div class="buttons">
        <button
          class="primary"
          disabled={!words}
          onClick={() =>
            void act("say", { text: words }).then((done) => {
              if (done !== undefined) void act("step", {}, "You said it; the model was not asked.");
            })
          }
        >
          Say this
        </button>
        <button onClick={() => setOpen(false)}>Cancel</button>
      </div>
    </div>
  );
}

export function PromptEditor({ request }: { request: PendingPrompt }) {
  const given = request.messages.map((message) => message.content);
  const [contents, setContents] = useState(given);
  const [sampling, setSampling] = useState(request.sampling);
  const [raw, setRaw] = useState(false);
  const undo = () => {
    setContents(given);
    setSampling(request.sampling);
  };
  useEffect(undo, [JSON.stringify(request)]);
  const made = edits(request, contents, sampling);
  const changed = Object.keys(made).length > 0;
  const save = () => act("prompt", made, "The prompt is changed.");
  const edit = (at: number, typed: string) =>
    setContents(contents.map((text, index) => (index === at ? typed : text)));
  return (
    <section class="panel prompt-panel" aria-label="Prompt">
      <header>
        <h3>
          Prompt for the <Role role={request.role} />
        </h3>
        {request.samples > 1 && <span class="badge">{request.samples} samples</span>}
        <Switch label="Prompt as" off="messages" on="rendered" value={raw} change={setRaw} />
      </header>
      {raw ? (
        request.text === null ? (
          <p class="nothing">This engine does not say how it renders the prompt.</p>
        ) : (
          <LongText text={request.text} label="Rendered prompt" />
        )
      ) : (
        contents.map((text, index) => (
          <label key={index} class="message-edit">
            <span>
              {printable(request.messages[index]?.role ?? "")}
              {request.messages[index]?.json && <span class="aside"> JSON</span>}
            </span>
            <textarea
              data-prompt={index}
              rows={Math.min(16, text.split("\n").length + 1)}
              value={text}
              spellcheck={false}
              onInput={(event) => edit(index, event.currentTarget.value)}
            />
          </label>
        ))
      )}
      <Sampling sampling={sampling} change={(name, value) => setSampling({ ...sampling, [name]: value })} />
      <div class="buttons">
        <button
          class={changed ? "primary" : ""}
          disabled={!changed || doing.value !== null}
          onClick={() => void save()}
        >
          Save the edit
        </button>
        <button
          disabled={doing.value !== null}
          onClick={() =>
            void (changed
              ? save().then((done) => {
                  if (done !== undefined) void act("step");
                })
              : act("step"))
          }
        >
          {changed ? "Save and send" : "Send it"}
        </button>
        {changed && <button onClick={undo}>Undo</button>}
        <Say />
      </div>
    </section>
  );
}
