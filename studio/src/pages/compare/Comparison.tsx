// Two rollouts or branches side by side: their ends, their turns pair by pair, and the fields of their states.
import { useState } from "preact/hooks";
import type { Comparison as Data, RolloutRow, TurnRow } from "../../api/types";
import { number } from "../../text/format";
import { printable } from "../../text/printable";
import { Passed, Role, Status, Verdict } from "../../ui/marks";
import { Switch } from "../../ui/Switch";
import { Difference, ValueDifference } from "./Difference";

interface Properties {
  data: Data;
  names: [string, string];
  links?: [string, string];
  turnLink?: (turn: TurnRow, side: "a" | "b") => string;
}

function End({ row, name, link }: { row: RolloutRow | null; name: string; link: string | undefined }) {
  return (
    <div class="side-head">
      <h2>{link ? <a href={link}>{printable(name)}</a> : printable(name)}</h2>
      {row && (
        <p>
          <span class="foreign">
            answer <b>{printable(row.answer ?? "–")}</b>
          </span>{" "}
          {row.status === "done" ? <Passed passed={row.passed} words /> : <Status status={row.status} />}
        </p>
      )}
    </div>
  );
}

function Cell({
  turn,
  pair,
  side,
  link,
}: {
  turn: TurnRow | null;
  pair: Data["turns"][number];
  side: "a" | "b";
  link: string | undefined;
}) {
  if (!turn)
    return (
      <div class="side absent">
        <p class="nothing">no such turn</p>
      </div>
    );
  return (
    <div class="side">
      <header>
        {link ? (
          <a href={link}>
            <Role role={turn.role} />
          </a>
        ) : (
          <Role role={turn.role} />
        )}
        <Verdict verdict={turn.verdict} />
        {turn.passed !== null && turn.passed !== undefined && <Passed passed={turn.passed} />}
      </header>
      <Difference pieces={pair.diff} side={side} />
    </div>
  );
}

export function Comparison({ data, names, links, turnLink }: Properties) {
  const [onlyDifferent, setOnlyDifferent] = useState(false);
  const same = (pair: Data["turns"][number]) =>
    pair.same ?? (pair.a !== null && pair.b !== null && pair.diff.every(([kind]) => kind === "="));
  const fields = data.fields.filter((field) => JSON.stringify(field.before) !== JSON.stringify(field.after));
  const turns = onlyDifferent ? data.turns.filter((pair) => !same(pair)) : data.turns;
  const equal = data.turns.filter(same).length;
  return (
    <div class="comparison">
      <div class="sides heads">
        <End row={data.a} name={names[0]} link={links?.[0]} />
        <End row={data.b} name={names[1]} link={links?.[1]} />
      </div>
      {data.scores.length > 0 && (
        <table class="scores both">
          <thead>
            <tr>
              <th scope="col">score</th>
              <th scope="col">{printable(names[0])}</th>
              <th scope="col">{printable(names[1])}</th>
              <th scope="col">difference</th>
            </tr>
          </thead>
          <tbody>
            {data.scores.map((score) => (
              <tr key={score.name}>
                <th scope="row">{printable(score.name)}</th>
                <td>{number(score.a)}</td>
                <td>{number(score.b)}</td>
                <td>
                  {score.a !== null && score.b !== null
                    ? `${score.b - score.a > 0 ? "+" : ""}${number(score.b - score.a)}`
                    : "–"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <header class="section-head">
        <h3>Turns</h3>
        <span class="soft">
          {equal} of {data.turns.length} say the same
        </span>
        <Switch
          label="Turns shown"
          off="all"
          on="different"
          value={onlyDifferent}
          change={setOnlyDifferent}
        />
      </header>
      {turns.map((pair, index) => (
        <div key={index} class={`sides ${same(pair) ? "same" : ""}`}>
          <Cell turn={pair.a} pair={pair} side="a" link={pair.a ? turnLink?.(pair.a, "a") : undefined} />
          <Cell turn={pair.b} pair={pair} side="b" link={pair.b ? turnLink?.(pair.b, "b") : undefined} />
          {pair.a && pair.b && pair.prompt_diff?.some(([kind]) => kind !== "=") && (
            <details class="prompt-difference">
              <summary>Their prompts differ</summary>
              <Difference pieces={pair.prompt_diff} />
            </details>
          )}
        </div>
      ))}
      <header class="section-head">
        <h3>State</h3>
        <span class="soft">
          {fields.length === 0 ? "every field is the same" : `${fields.length} fields differ`}
        </span>
      </header>
      {fields.length > 0 && (
        <dl class="fields">
          {fields.map((field) => (
            <div key={field.field}>
              <dt>{printable(field.field)}</dt>
              <dd>
                <ValueDifference before={field.before} after={field.after} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
