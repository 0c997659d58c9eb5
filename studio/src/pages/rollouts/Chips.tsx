// Quick filters: one press adds a term to the filter or takes it away.
import type { Summary } from "../../api/types";
import { has, quoted, toggled } from "./language";

function chips(summary: Summary | undefined): { term: string; name: string }[] {
  const found = [
    { term: "passed:true", name: "right" },
    { term: "passed:false", name: "wrong" },
    { term: "status:failed", name: "failed" },
    { term: "verdict:wrong", name: "a verdict “wrong”" },
    { term: "rounds>0", name: "refined" },
  ];
  for (const status of ["running", "unfinished"] as const)
    if (summary?.counts[status]) found.push({ term: `status:${status}`, name: status });
  const families = summary?.fields.families ?? [];
  if (families.length > 1)
    for (const family of families.slice(0, 6)) found.push({ term: `family:${quoted(family)}`, name: family });
  return found;
}

export function Chips({
  filter,
  summary,
  change,
}: {
  filter: string;
  summary: Summary | undefined;
  change: (filter: string) => void;
}) {
  return (
    <div class="chips" role="group" aria-label="Quick filters">
      {chips(summary).map((chip) => (
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
