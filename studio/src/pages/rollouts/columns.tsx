// The columns of the table of rollouts: what each shows, and by what name the server sorts it.
import type { ComponentChildren } from "preact";
import type { RolloutRow } from "../../api/types";
import { count, number, seconds } from "../../text/format";
import { printable } from "../../text/printable";
import { Passed, Status } from "../../ui/marks";

export interface Column {
  name: string;
  title: string;
  sort: string | null;
  numeric?: boolean;
  show: (row: RolloutRow) => ComponentChildren;
}

function Said({ verdicts }: { verdicts: string[] }) {
  const shown = verdicts.slice(0, 8);
  return (
    <span
      class="said"
      role="img"
      aria-label={`verdicts: ${verdicts.join(", ") || "none"}`}
      title={verdicts.join(", ")}
    >
      {shown.map((verdict, index) => (
        <i key={index} class={verdict === "right" || verdict === "wrong" ? verdict : "none"} />
      ))}
      {verdicts.length > shown.length && <span>+{verdicts.length - shown.length}</span>}
    </span>
  );
}

function sum(...parts: (number | null)[]): number | null {
  return parts.every((part) => part === null)
    ? null
    : parts.reduce<number>((total, part) => total + (part ?? 0), 0);
}

export const COLUMNS: Column[] = [
  {
    name: "passed",
    title: "",
    sort: "passed",
    show: (row) => (row.status === "done" ? <Passed passed={row.passed} /> : <Status status={row.status} />),
  },
  {
    name: "task",
    title: "Task",
    sort: "task",
    show: (row) => (
      <span class="foreign">
        {printable(row.task)}
        {row.repeat > 0 && <small> · {row.repeat}</small>}
      </span>
    ),
  },
  {
    name: "answer",
    title: "Answer",
    sort: "answer",
    show: (row) => (
      <span class="foreign">
        {row.error ? <span class="wrong-ink">{printable(row.error)}</span> : printable(row.answer ?? "–")}
      </span>
    ),
  },
  {
    name: "reference",
    title: "Reference",
    sort: "reference",
    show: (row) => <span class="foreign soft">{printable(row.reference ?? "–")}</span>,
  },
  { name: "verdicts", title: "Verdicts", sort: null, show: (row) => <Said verdicts={row.verdicts} /> },
  { name: "value", title: "Score", sort: "value", numeric: true, show: (row) => number(row.value) },
  { name: "rounds", title: "Rounds", sort: "rounds", numeric: true, show: (row) => count(row.rounds) },
  { name: "turns", title: "Turns", sort: "turns", numeric: true, show: (row) => count(row.turns) },
  {
    name: "tokens",
    title: "Tokens",
    sort: "tokens",
    numeric: true,
    show: (row) => count(sum(row.prompt_tokens, row.completion_tokens)),
  },
  { name: "seconds", title: "Time", sort: "seconds", numeric: true, show: (row) => seconds(row.seconds) },
  {
    name: "family",
    title: "Family",
    sort: "family",
    show: (row) => (
      <span class="soft">
        {printable(row.family ?? "–")}
        {row.difficulty !== null && row.difficulty !== undefined ? ` ${row.difficulty}` : ""}
      </span>
    ),
  },
];
