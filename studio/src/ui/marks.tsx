// Small marks that mean the same everywhere: who spoke, what a verdict says, and whether it is right. Never by colour alone.
import { printable } from "../text/printable";

const KNOWN: Record<string, number> = { solver: 1, reviewer: 2, refiner: 3, teacher: 4, judge: 5 };

/** The class that gives a role its colour: the known ones their own, others by their name. */
export function roleClass(role: string): string {
  const known = KNOWN[role];
  if (known) return `role-${known}`;
  let sum = 0;
  for (const letter of role) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997;
  return `role-${((sum + 5) % 8) + 1}`;
}

export function Role({ role }: { role: string }) {
  return (
    <span class={`role ${roleClass(role)}`}>
      <i aria-hidden="true" />
      {printable(role)}
    </span>
  );
}

/** Whether something is right: ✓, ✗, or – where nobody judged it. */
export function Passed({ passed, words = false }: { passed: boolean | null | undefined; words?: boolean }) {
  if (passed === null || passed === undefined)
    return (
      <span class="mark none" title="not judged">
        {words ? "not judged" : "–"}
      </span>
    );
  return passed ? (
    <span class="mark right" title="right">
      ✓{words ? " right" : <span class="unseen">right</span>}
    </span>
  ) : (
    <span class="mark wrong" title="wrong">
      ✗{words ? " wrong" : <span class="unseen">wrong</span>}
    </span>
  );
}

/** What a reviewer said; a verdict may be true or not, which is another matter. */
export function Verdict({
  verdict,
  why,
  truthful,
}: {
  verdict: string | null | undefined;
  why?: string | null | undefined;
  truthful?: boolean | null | undefined;
}) {
  if (!verdict) return null;
  return (
    <>
      <span
        class={`verdict ${verdict === "right" || verdict === "wrong" ? verdict : "none"}`}
        title={why ?? undefined}
      >
        {verdict === "none" ? "no verdict" : `says ${printable(verdict)}`}
      </span>
      {truthful === false && (
        <span class="untrue" title="What it says is not so">
          not so
        </span>
      )}
    </>
  );
}

export function Status({ status }: { status: string }) {
  return (
    <span class={`status ${/^[a-z]+$/.test(status) ? status : ""}`}>
      <i aria-hidden="true" />
      {printable(status)}
    </span>
  );
}
