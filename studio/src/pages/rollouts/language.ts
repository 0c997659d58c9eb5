// The filter language, as far as a field for it needs to know it: words, quoting, and what could be written next.
import type { Fields } from "../../api/types";

export interface Word {
  text: string;
  start: number;
  end: number;
}

/** The words of a filter with their places; a quoted text is one word. */
export function words(filter: string): Word[] {
  const found: Word[] = [];
  const pattern = /(?:[^\s"]|"[^"]*"?)+/g;
  for (const match of filter.matchAll(pattern))
    found.push({ text: match[0], start: match.index, end: match.index + match[0].length });
  return found;
}

export function quoted(value: string): string {
  return /[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
}

const VALUES: Record<string, (fields: Fields) => string[]> = {
  status: (fields) => fields.statuses,
  role: (fields) => fields.roles,
  node: (fields) => fields.nodes,
  verdict: (fields) => fields.verdicts,
  judged: (fields) => fields.judged,
  family: (fields) => fields.families,
  policy: (fields) => fields.policies,
  error: (fields) => fields.errors,
  passed: () => ["true", "false", "none"],
};
const NUMBERS = new Set(["tokens", "turns", "rounds", "seconds", "value", "difficulty", "repeat"]);

export interface Completion {
  text: string;
  whole: string;
  caret: number;
}

/** What could stand at the caret: names of fields, or the values of the field before the colon. */
export function completions(filter: string, caret: number, fields: Fields): Completion[] {
  const word = words(filter).find((each) => each.start <= caret && caret <= each.end) ?? {
    text: "",
    start: caret,
    end: caret,
  };
  const typed = filter.slice(word.start, caret);
  const not = typed.startsWith("-") ? "-" : "";
  const rest = typed.slice(not.length);
  const colon = rest.indexOf(":");
  const put = (text: string): Completion => {
    const whole = filter.slice(0, word.start) + text + filter.slice(word.end);
    return { text, whole, caret: word.start + text.length };
  };
  if (colon < 0) {
    if (/[<>="]/.test(rest)) return [];
    return fields.names
      .filter((name) => name.startsWith(rest.toLowerCase()) && name !== rest)
      .map((name) => put(`${not}${name}${NUMBERS.has(name) ? ">" : ":"}`));
  }
  const name = rest.slice(0, colon),
    begun = rest
      .slice(colon + 1)
      .replace(/^"/, "")
      .toLowerCase();
  const values = VALUES[name]?.(fields) ?? [];
  return values
    .filter((value) => value.toLowerCase().includes(begun) && value.toLowerCase() !== begun)
    .slice(0, 40)
    .map((value) => put(`${not}${name}:${quoted(value)} `));
}

export function has(filter: string, term: string): boolean {
  return words(filter).some((word) => word.text === term);
}

/** The filter with `term` added, or without it where it stood. */
export function toggled(filter: string, term: string): string {
  const kept = words(filter)
    .map((word) => word.text)
    .filter((text) => text !== term);
  if (!has(filter, term)) kept.push(term);
  return kept.join(" ");
}
