// What there is to see or do at this stop: a prompt to edit, a question to answer, an error, or what was just said.
import { useRef, useState } from "preact/hooks";
import { api } from "../../api/client";
import { partReader } from "../../api/parts";
import { useResource } from "../../api/resource";
import type { SessionView, Stop } from "../../api/session";
import type { TurnView } from "../../api/types";
import { links } from "../../router";
import { plain } from "../../text/format";
import { printable } from "../../text/printable";
import { LongText } from "../../ui/LongText";
import { Role, Verdict } from "../../ui/marks";
import { Switch } from "../../ui/Switch";
import { Tokens } from "../rollout/Tokens";
import { asTokens } from "../rollout/views";
import { act } from "./live";
import { PromptEditor } from "./PromptEditor";

function Said({ view, turn }: { view: SessionView; turn: string }) {
  const resource = useResource<TurnView>(api("runs", view.run, "turns", turn));
  const jump = useRef<(() => void) | null>(null);
  if (!resource.data) return null;
  const { turn: row, completion, size } = resource.data;
  return (
    <section class="panel" aria-label="Latest turn">
      <header>
        <h3>
          The <Role role={row.role} /> said
        </h3>
        <Verdict verdict={row.verdict} />
        <a href={links.turn(view.run, view.rollout, turn)}>whole turn</a>
        <Switch
          label="Completion as"
          off="text"
          on="tokens"
          value={asTokens.value}
          change={(on) => {
            asTokens.value = on;
          }}
        />
      </header>
      {asTokens.value ? (
        <Tokens run={view.run} turn={turn} jump={jump} />
      ) : (
        <div class="completion">
          <LongText
            text={completion}
            size={size}
            read={partReader(view.run, turn, "completion")}
            label="Completion"
          />
        </div>
      )}
    </section>
  );
}

function Question({ question }: { question: unknown }) {
  const [text, setText] = useState("");
  return (
    <section class="panel" aria-label="Question">
      <header>
        <h3>It asks</h3>
      </header>
      <LongText text={plain(question)} label="Question" />
      <div class="editor">
        <textarea
          aria-label="Your answer"
          rows={3}
          value={text}
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <div class="buttons">
          <button class="primary" onClick={() => void act("answer", { text })}>
            Answer
          </button>
          <span class="aside">JSON, else text</span>
        </div>
      </div>
    </section>
  );
}

function Trouble({ stop }: { stop: Stop }) {
  return (
    <section class="panel" aria-label={stop.when === "error" ? "Error" : "Difference from the record"}>
      <header>
        <h3>{stop.when === "error" ? "The error" : "What differs from the record"}</h3>
      </header>
      <div class="error-text">
        <LongText text={stop.error ?? ""} label="Error" />
      </div>
      <p class="aside">
        {stop.when === "error"
          ? "Change the state or fork before this visit, then go on. Retry runs the node again; at the limit of steps it lets the graph take as many again."
          : "From here on it can go on live."}
      </p>
    </section>
  );
}

export function Held({ view }: { view: SessionView }) {
  const { stop } = view;
  const turn = [...view.visits].reverse().flatMap((visit) => [...visit.turns].reverse())[0];
  return (
    <>
      {stop && (stop.when === "error" || stop.when === "diverged") && <Trouble stop={stop} />}
      {stop?.when === "asks" && <Question question={stop.question} />}
      {stop?.request && <PromptEditor key={stop.visit.key} request={stop.request} />}
      {!stop?.request && turn && <Said view={view} turn={turn} />}
      {!stop?.request && !turn && stop && (
        <p class="panel nothing">Nothing has been said yet: {printable(stop.visit.node)} comes first.</p>
      )}
    </>
  );
}
