// The filter language over the rows of a saved page, where there is no server to ask; texts of turns are not in them.
import { ApiError } from "../../api/client";
import type { RolloutPage, RolloutRow } from "../../api/types";
import { words } from "./language";

const READ: Record<string, (row: RolloutRow) => unknown> = {
  id: (row) => row.id,
  status: (row) => row.status,
  passed: (row) => row.passed,
  verdict: (row) => row.verdicts,
  judged: (row) => row.judged,
  family: (row) => row.family,
  task: (row) => row.task,
  turns: (row) => row.turns,
  rounds: (row) => row.rounds,
  tokens: (row) => (row.prompt_tokens ?? 0) + (row.completion_tokens ?? 0),
  seconds: (row) => row.seconds,
  answer: (row) => row.answer,
  error: (row) => row.error,
  value: (row) => row.value,
  difficulty: (row) => row.difficulty,
  repeat: (row) => row.repeat,
  reference: (row) => row.reference,
  started: (row) => row.started,
};
const PARTS = new Set(["answer", "error"]);

type Test = (row: RolloutRow) => boolean;

function equals(value: unknown, wanted: string, name: string): boolean {
  if (Array.isArray(value)) return value.some((each) => equals(each, wanted, name));
  if (wanted === "none") return value === null || value === undefined;
  if (wanted === "*") return value !== null && value !== undefined;
  const text = String(value ?? "").toLowerCase();
  return PARTS.has(name) ? text.includes(wanted) : text === wanted;
}

function compares(value: unknown, sign: string, wanted: number): boolean {
  if (typeof value !== "number") return false;
  return sign === ">"
    ? value > wanted
    : sign === ">="
      ? value >= wanted
      : sign === "<"
        ? value < wanted
        : value <= wanted;
}

function test(word: string): Test {
  const not = word.startsWith("-");
  const found = /^(\w+)(:|>=|<=|>|<)(.*)$/s.exec(not ? word.slice(1) : word);
  const [, name = "", sign = "", value = ""] = found ?? [];
  const read = READ[name];
  if (found && !read)
    throw new ApiError(
      `A saved page cannot filter by "${name}"; it knows ${Object.keys(READ).join(", ")}.`,
      400,
      {},
    );
  const wanted = (found ? value : word.replace(/^-/, "")).replaceAll('"', "").toLowerCase();
  const range = /^([\d.]+)\.\.([\d.]+)$/.exec(wanted);
  const holds: Test = (row) => {
    if (!read)
      return [row.task, row.answer, row.error, row.id].some((text) =>
        String(text ?? "")
          .toLowerCase()
          .includes(wanted),
      );
    if (sign !== ":") return compares(read(row), sign, Number(wanted));
    if (range)
      return compares(read(row), ">=", Number(range[1])) && compares(read(row), "<=", Number(range[2]));
    return wanted.split(",").some((one) => equals(read(row), one, name));
  };
  return not ? (row) => !holds(row) : holds;
}

function ordered(rows: RolloutRow[], sort: string): RolloutRow[] {
  const read = READ[sort.replace(/^-/, "")];
  if (!read) return rows;
  const sign = sort.startsWith("-") ? -1 : 1;
  return [...rows].sort((a, b) => {
    const one = read(a),
      other = read(b);
    if (one === other) return 0;
    if (one === null || one === undefined) return 1;
    if (other === null || other === undefined) return -1;
    return one < other ? -sign : sign;
  });
}

export function filterSaved(
  all: RolloutPage,
  filter: string,
  sort: string,
  offset: number,
  limit: number,
): RolloutPage {
  const begun = performance.now();
  const tests = words(filter).map((word) => test(word.text));
  const rows = ordered(
    all.rows.filter((row) => tests.every((holds) => holds(row))),
    sort,
  );
  return {
    total: all.total,
    matching: rows.length,
    ms: performance.now() - begun,
    rows: rows.slice(offset, offset + limit),
  };
}
