// The prompt that is about to be sent: its messages and sampling settings, to edit, to send, or to answer oneself.
import { useEffect, useState } from "preact/hooks";
import type { PendingPrompt } from "../../api/session";
import { printable } from "../../text/printable";
import { LongText } from "../../ui/LongText";
import { Role } from "../../ui/marks";
import { Switch } from "../../ui/Switch";
import { tell } from "../../ui/Toast";
import { act, doing } from "./live";

const NUMBERS = ["temperature", "top_p", "max_tokens"];

function text(content: unknown): string {
  return typeof content === "string" ? content : JSON.stringify(content, null, 2);
}

/** The messages as edited; what was no text is read as JSON again. */
function asGiven(edited: Record<string, unknown>[], before: Record<string, unknown>[]): typeof edited {
  return edited.map((message, at) => {
    const { content } = message;
    const kept = typeof content !== "string" || typeof before[at]?.["content"] === "string";
    return kept ? message : { ...message, content: JSON.parse(content) as unknown };
  });
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
  const [messages, setMessages] = useState(request.messages);
  const [sampling, setSampling] = useState(request.sampling);
  const [raw, setRaw] = useState(false);
  useEffect(() => {
    setMessages(request.messages);
    setSampling(request.sampling);
  }, [JSON.stringify(request)]);
  const changed =
    JSON.stringify([messages, sampling]) !== JSON.stringify([request.messages, request.sampling]);
  const save = async () => {
    try {
      const given = asGiven(messages, request.messages);
      return await act("prompt", { messages: given, sampling }, "The prompt is changed.");
    } catch {
      tell("A message that was JSON is none any more.", true);
      return undefined;
    }
  };
  const edit = (at: number, content: string) =>
    setMessages(messages.map((message, index) => (index === at ? { ...message, content } : message)));
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
        messages.map((message, index) => (
          <label key={index} class="message-edit">
            <span>{printable(String(message["role"] ?? ""))}</span>
            <textarea
              data-prompt={index}
              rows={Math.min(16, text(message["content"]).split("\n").length + 1)}
              value={text(message["content"])}
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
        {changed && (
          <button
            onClick={() => {
              setMessages(request.messages);
              setSampling(request.sampling);
            }}
          >
            Undo
          </button>
        )}
        <Say />
      </div>
    </section>
  );
}
