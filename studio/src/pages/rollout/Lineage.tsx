// What a turn builds on, and what builds on it: each a link.
import type { TurnRow } from "../../api/types";
import { links } from "../../router";
import { printable } from "../../text/printable";
import { Passed, Role, Verdict } from "../../ui/marks";

function List({
  title,
  turns,
  run,
  rollout,
  none,
}: {
  title: string;
  turns: TurnRow[];
  run: string;
  rollout: string;
  none: string;
}) {
  return (
    <div>
      <h4>{title}</h4>
      {turns.length === 0 ? (
        <p class="aside">{none}</p>
      ) : (
        <ul class="lineage">
          {turns.map((turn) => (
            <li key={turn.id}>
              <a href={links.turn(run, rollout, turn.id)}>
                <Role role={turn.role} />
                <Verdict verdict={turn.verdict} />
                {turn.passed !== null && turn.passed !== undefined && <Passed passed={turn.passed} />}
                <span class="preview foreign">{printable(turn.preview.replaceAll("\n", " ↵ "))}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function Lineage({
  parents,
  children,
  siblings,
  run,
  rollout,
}: {
  parents: TurnRow[];
  children: TurnRow[];
  siblings: TurnRow[];
  run: string;
  rollout: string;
}) {
  return (
    <div class="lineages">
      <List title="Builds on" turns={parents} run={run} rollout={rollout} none="nothing: it begins here" />
      <List title="Led to" turns={children} run={run} rollout={rollout} none="nothing: it ends here" />
      {siblings.length > 0 && (
        <List title="Sampled with it" turns={siblings} run={run} rollout={rollout} none="" />
      )}
    </div>
  );
}
