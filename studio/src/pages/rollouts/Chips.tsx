// Quick filters: one press adds a term to the filter or takes it away.
import type { Fields } from "../../api/types";
import { has, quoted, toggled } from "./language";

function chips(fields: Fields | undefined, running: boolean): { term: string; name: string }[] {
  const found = [
    { term: "passed:true", name: "right" },
    { term: "passed:false", name: "wrong" },
    { term: "status:failed", name: "failed" },
    { term: "verdict:wrong", name: "a verdict “wrong”" },
    { term: "rounds>0", name: "refined" },
  ];
  if (running) found.push({ term: "status:running", name: "running" });
  if ((fields?.families.length ?? 0) > 1) {
    for (const family of fields?.families.slice(0, 6) ?? [])
      found.push({ term: `family:${quoted(family)}`, name: family });
  }
  return found;
}

export function Chips({
  filter,
  fields,
  running,
  change,
}: {
  filter: string;
  fields: Fields | undefined;
  running: boolean;
  change: (filter: string) => void;
}) {
  return (
    <div class="chips" role="group" aria-label="Quick filters">
      {chips(fields, running).map((chip) => (
        <button
          key={chip.term}
          class="chip"
          aria-pressed={has(filter, chip.term)}
          title={chip.term}
          onClick={() => change(toggled(filter, chip.term))}
        >
          {chip.name}
        </button>
      ))}
    </div>
  );
}
