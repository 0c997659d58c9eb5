// What each role read and wrote, in tokens, on one scale.
import type { RoleTokens } from "../../api/types";
import { links } from "../../router";
import { count, short } from "../../text/format";
import { Role, roleClass } from "../../ui/marks";

export function RoleBars({ tokens, run }: { tokens: RoleTokens[]; run: string }) {
  const rows = [...tokens].sort((one, other) => roleClass(one.role).localeCompare(roleClass(other.role)));
  const most = Math.max(1, ...tokens.map((row) => (row.prompt ?? 0) + (row.completion ?? 0)));
  return (
    <>
      <ul class="role-bars">
        {rows.map((row) => (
          <li key={row.role} class={roleClass(row.role)}>
            <a href={links.rollouts(run, `role:${quoted(row.role)}`)}>
              <Role role={row.role} />
            </a>
            <span
              class="bar"
              role="img"
              aria-label={`${count(row.prompt)} tokens read, ${count(row.completion)} written`}
            >
              <i class="read" style={{ width: `${(100 * (row.prompt ?? 0)) / most}%` }} />
              <i class="written" style={{ width: `${(100 * (row.completion ?? 0)) / most}%` }} />
            </span>
            <span class="figures">
              {short(row.prompt)} + <b>{short(row.completion)}</b>
            </span>
            <span class="turns">{count(row.turns)} turns</span>
          </li>
        ))}
      </ul>
      <p class="aside key">
        <i class="read" /> read <i class="written" /> written
      </p>
    </>
  );
}

function quoted(value: string): string {
  return /^[\w.-]+$/.test(value) ? value : `"${value}"`;
}
