// What reviewers said against what was so; each cell leads to its rollouts, of which one may have several verdicts.
import type { Judged } from "../../api/types";
import { links } from "../../router";
import { count, percent } from "../../text/format";

const ROWS = [
  ["said right", "right"],
  ["said wrong", "wrong"],
  ["no verdict", "none"],
] as const;
const COLUMNS = [
  ["is right", "right"],
  ["is wrong", "wrong"],
] as const;
const NONE: Judged = { verdicts: 0, rollouts: 0 };
const GOOD = [
  [true, false],
  [false, true],
  [false, false],
];

function level(share: number): string {
  return `l${Math.min(4, Math.ceil(share * 4.999))}`;
}

function sum(cells: (Judged | undefined)[]): number {
  return cells.reduce((total, cell) => total + (cell?.verdicts ?? 0), 0);
}

export function Confusion({ table, run }: { table: Judged[][]; run: string }) {
  const total = sum(table.flat());
  const rows = table
    .map((cells, index) => ({ cells, index }))
    .filter(({ cells, index }) => index < 2 || sum(cells) > 0);
  const agreed = sum([table[0]?.[0], table[1]?.[1]]);
  return (
    <>
      <table class={`confusion ${rows.length === 2 ? "two" : ""}`}>
        <thead>
          <tr>
            <td />
            {COLUMNS.map(([title]) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ cells, index }) => {
            const [title, verdict] = ROWS[index] ?? ["", ""];
            return (
              <tr key={title}>
                <th scope="row">{title}</th>
                {COLUMNS.map(([column, truth], place) => {
                  const { verdicts, rollouts } = cells[place] ?? NONE;
                  const share = total ? verdicts / total : 0;
                  return (
                    <td key={column} class={`${GOOD[index]?.[place] ? "good" : "bad"} ${level(share)}`}>
                      <a
                        href={links.rollouts(run, `judged:${verdict}/${truth}`)}
                        title={`The rollouts in which a reviewer ${title} of what ${column}`}
                      >
                        <b>{count(verdicts)}</b>
                        <span>{percent(share, 0)}</span>
                        <small>
                          in {count(rollouts)} {rollouts === 1 ? "rollout" : "rollouts"}
                        </small>
                      </a>
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="aside">
        {total ? `${percent(agreed / total)} of ${count(total)} verdicts are true.` : "No verdicts yet."}
      </p>
    </>
  );
}
