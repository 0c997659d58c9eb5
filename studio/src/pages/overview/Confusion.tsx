// What reviewers said against what was so; each cell leads to its rollouts.
import { links } from "../../router";
import { count, percent } from "../../text/format";

const ROWS = [
  ["said right", "right"],
  ["said wrong", "wrong"],
  ["no verdict", "none"],
] as const;
const COLUMNS = [
  ["is right", "true"],
  ["is wrong", "false"],
] as const;
const GOOD = [
  [true, false],
  [false, true],
  [false, false],
];

function level(share: number): string {
  return `l${Math.min(4, Math.ceil(share * 4.999))}`;
}

export function Confusion({ table, run }: { table: number[][]; run: string }) {
  const total = table.flat().reduce((sum, cell) => sum + cell, 0);
  const rows = table
    .map((cells, index) => ({ cells, index }))
    .filter(({ cells, index }) => index < 2 || cells.some(Boolean));
  const agreed = (table[0]?.[0] ?? 0) + (table[1]?.[1] ?? 0);
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
                {COLUMNS.map(([column], place) => {
                  const cell = cells[place] ?? 0;
                  const share = total ? cell / total : 0;
                  return (
                    <td key={column} class={`${GOOD[index]?.[place] ? "good" : "bad"} ${level(share)}`}>
                      <a
                        href={links.rollouts(run, `verdict:${verdict}`)}
                        title={`Rollouts with a verdict "${verdict}"`}
                      >
                        <b>{count(cell)}</b>
                        <span>{percent(share, 0)}</span>
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
