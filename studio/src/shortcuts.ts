// Every shortcut of the page, in one place: what the help shows is what the keys do.

export interface Shortcut {
  keys: string[];
  does: string;
}
export type Area = keyof typeof SHORTCUTS;

export const SHORTCUTS = {
  everywhere: {
    help: { keys: ["?"], does: "show or hide this help" },
    theme: { keys: ["D"], does: "light, dark, or as the system has it" },
    runs: { keys: ["g"], does: "all runs" },
    session: { keys: ["L"], does: "the live session" },
    leave: { keys: ["Escape"], does: "leave a field, close a panel" },
  },
  run: {
    overview: { keys: ["o"], does: "overview of the run" },
    table: { keys: ["t"], does: "table of its rollouts" },
  },
  table: {
    next: { keys: ["j", "ArrowDown"], does: "next row" },
    previous: { keys: ["k", "ArrowUp"], does: "row before" },
    open: { keys: ["Enter"], does: "open the rollout" },
    first: { keys: ["Home"], does: "first row" },
    last: { keys: ["End"], does: "last row" },
    filter: { keys: ["/"], does: "go to the filter" },
    mark: { keys: ["m"], does: "mark to compare; the second mark opens the comparison" },
  },
  rollout: {
    next: { keys: ["j", "ArrowDown"], does: "next turn" },
    previous: { keys: ["k", "ArrowUp"], does: "turn before" },
    tokens: { keys: ["c"], does: "completion as text or as tokens" },
    raw: { keys: ["r"], does: "prompt as messages or as rendered" },
    surprise: { keys: ["s"], does: "next surprising token" },
    parent: { keys: ["p"], does: "the turn that this one builds on" },
    child: { keys: ["n"], does: "the first turn that builds on this one" },
    copy: { keys: ["y"], does: "copy the link to this turn" },
    debug: { keys: ["b"], does: "debug this rollout in a live session" },
  },
  session: {
    step: { keys: ["s"], does: "step: to the next event of any kind" },
    next: { keys: ["n"], does: "next: over model calls and inner nodes" },
    out: { keys: ["r"], does: "return: out of the subgraph" },
    continue: { keys: ["c"], does: "continue: to a breakpoint or the end" },
    pause: { keys: ["."], does: "pause at the next event" },
    up: { keys: ["u"], does: "up: the state of the graph around" },
    down: { keys: ["d"], does: "down: the state of the subgraph" },
    break: { keys: ["b"], does: "new breakpoint" },
    prompt: { keys: ["e"], does: "edit the prompt" },
    fork: { keys: ["f"], does: "fork here" },
    resample: { keys: ["R"], does: "resample from here" },
    accept: { keys: ["+"], does: "accept the latest turn" },
    reject: { keys: ["-"], does: "reject the latest turn" },
    console: { keys: [":", "/"], does: "go to the console" },
    complete: { keys: ["Tab"], does: "in the console: complete the word" },
  },
} satisfies Record<string, Record<string, Shortcut>>;

export const AREA_TITLES: Record<Area, string> = {
  everywhere: "Everywhere",
  run: "In a run",
  table: "Table of rollouts",
  rollout: "Rollout",
  session: "Live session",
};
