// One turn in full: what it was asked, what it said, how, how good it was, and where it stands in the rollout.
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { api } from "../../api/client";
import { partReader } from "../../api/parts";
import { useResource } from "../../api/resource";
import type { TurnRow, TurnView } from "../../api/types";
import { links } from "../../router";
import { brief, clock, count, plain, seconds } from "../../text/format";
import { printable } from "../../text/printable";
import { copy, linkTo } from "../../ui/copy";
import { useShortcuts } from "../../ui/keys";
import { LongText } from "../../ui/LongText";
import { Passed, Role, Verdict } from "../../ui/marks";
import { Switch } from "../../ui/Switch";
import { Answered } from "../../ui/States";
import { Lineage } from "./Lineage";
import { Prompt } from "./Prompt";
import { Scores } from "./Scores";
import { Teach } from "./Teach";
import { Tokens } from "./Tokens";
import { asTokens, rawPrompt } from "./views";

interface Properties {
  run: string;
  rollout: string;
  row: TurnRow;
  revision: number;
}

function Part({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="part">
      <header>
        <h3>{title}</h3>
        {aside}
      </header>
      {children}
    </section>
  );
}

function Facts({ view }: { view: TurnView }) {
  const { turn } = view;
  const facts: [string, string][] = [
    ["model", view.model],
    ["policy", view.policy],
    ["node", turn.node ?? "–"],
    ["call", `${turn.call}${turn.sample > 0 ? `, sample ${turn.sample}` : ""}`],
    ["ended by", view.finish_reason ?? "–"],
    ["read", `${count(turn.prompt_tokens)} tokens`],
    ["wrote", `${count(turn.completion_tokens)} tokens`],
    ["took", seconds(turn.seconds)],
    ["began", clock(turn.started)],
    ...Object.entries(view.sampling)
      .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
      .map(([name, value]): [string, string] => [name.replaceAll("_", " "), plain(value)]),
    ...Object.entries(view.metadata).map(([name, value]): [string, string] => [name, plain(value)]),
  ];
  return (
    <dl class="facts-list">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{printable(name)}</dt>
          <dd class="foreign">{printable(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Whole({
  view,
  run,
  rollout,
  again,
}: {
  view: TurnView;
  run: string;
  rollout: string;
  again: () => void;
}) {
  const jump = useRef<(() => void) | null>(null);
  const { turn } = view;
  useShortcuts("rollout", {
    surprise: () => {
      asTokens.value = true;
      requestAnimationFrame(() => jump.current?.());
    },
  });
  return (
    <>
      <Part
        title="Prompt"
        aside={
          <Switch
            label="Prompt as"
            value={rawPrompt.value}
            change={(on) => {
              rawPrompt.value = on;
            }}
            off="messages"
            on="rendered"
          />
        }
      >
        <Prompt view={view} run={run} raw={rawPrompt.value} />
      </Part>
      <Part
        title="Completion"
        aside={
          <Switch
            label="Completion as"
            value={asTokens.value}
            change={(on) => {
              asTokens.value = on;
            }}
            off="text"
            on="tokens"
          />
        }
      >
        {turn.error && (
          <p class="error-text foreign" role="alert">
            {printable(turn.error)}
          </p>
        )}
        {asTokens.value ? (
          <Tokens run={run} turn={turn.id} jump={jump} />
        ) : (
          <div class="completion">
            <LongText
              text={view.completion}
              size={view.size}
              read={partReader(run, turn.id, "completion")}
              folded={false}
              label="Completion"
            />
          </div>
        )}
        {view.tool_calls ? <LongText text={plain(view.tool_calls)} label="Tool calls" /> : null}
      </Part>
      <Teach key={turn.id} run={run} turn={turn.id} changed={again} />
      <Part title="Scores">
        <Scores scores={view.scores} />
      </Part>
      <Part title="Lineage">
        <Lineage
          parents={view.parents}
          children={view.children}
          siblings={view.siblings ?? []}
          run={run}
          rollout={rollout}
        />
      </Part>
      <Part title="Call">
        <Facts view={view} />
      </Part>
    </>
  );
}

export function TurnPanel({ run, rollout, row, revision }: Properties) {
  const resource = useResource<TurnView>(api("runs", run, "turns", row.id), revision);
  return (
    <article class="turn" aria-label={`Turn of the ${row.role}`}>
      <header class="turn-head">
        <h2>
          <Role role={row.role} />
        </h2>
        <Verdict verdict={row.verdict} why={row.verdict_why} truthful={row.truthful} />
        {row.passed !== null && row.passed !== undefined && <Passed passed={row.passed} words />}
        {row.author && <span class="badge">by {printable(row.author)}</span>}
        {row.label && <span class="badge">{printable(row.label)}</span>}
        <button
          class="quiet id"
          title="Copy the link to this turn (y)"
          onClick={() => void copy(linkTo(links.turn(run, rollout, row.id)), "the link to this turn")}
        >
          {brief(row.id)} <span class="copy-word">copy link</span>
        </button>
      </header>
      <Answered resource={resource} what="the turn">
        {(view) => <Whole view={view} run={run} rollout={rollout} again={resource.again} />}
      </Answered>
    </article>
  );
}
