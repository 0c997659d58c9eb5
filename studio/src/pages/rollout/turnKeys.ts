// The keys of a rollout that need no more than its list of turns, so that they work while a turn is being read.
import type { TurnRow } from "../../api/types";
import { links, go } from "../../router";
import { copy, linkTo } from "../../ui/copy";
import { useShortcuts } from "../../ui/keys";
import { asTokens, rawPrompt } from "./views";

/** Bind them to the turn `row` among `turns`. */
export function useTurnKeys(run: string, rollout: string, turns: TurnRow[], row: TurnRow | undefined): void {
  const at = turns.findIndex((turn) => turn.id === row?.id);
  const show = (id: string | undefined, replacing = false) => {
    if (id) go(links.turn(run, rollout, id), replacing);
  };
  useShortcuts("rollout", {
    next: () => show(turns[Math.min(turns.length - 1, at + 1)]?.id, true),
    previous: () => show(turns[Math.max(0, at - 1)]?.id, true),
    parent: () => show(row?.parents[0]),
    child: () => show(turns.find((turn) => row && turn.parents.includes(row.id))?.id),
    tokens: () => {
      asTokens.value = !asTokens.value;
    },
    raw: () => {
      rawPrompt.value = !rawPrompt.value;
    },
    copy: () => {
      if (row) void copy(linkTo(links.turn(run, rollout, row.id)), "the link to this turn");
    },
  });
}
