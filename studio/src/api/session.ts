// A live debugging session, as the server tells it; the names are those of `tutelage.graphs.debugging`.
import type { GraphData, TaskData } from "./types";

export type When = "before" | "prompt" | "after" | "error" | "asks" | "diverged";

export interface Visit {
  number: number;
  key: string;
  node: string;
  within: string[];
  step: number;
  branch: string;
  started: number;
  seconds: number | null;
  status: "running" | "held" | "done" | "failed";
  error: string | null;
  turns: string[];
  prompt_tokens: number;
  completion_tokens: number;
  changed: string[];
  edited: boolean;
  parent: number | null;
}
/** A message as text; content that is none is JSON, which stays text, since numbers here are not Python's. */
export interface PendingMessage {
  role: string;
  content: string;
  json: boolean;
}
export interface PendingPrompt {
  role: string;
  node: string | null;
  messages: PendingMessage[];
  sampling: Record<string, unknown>;
  tools: Record<string, unknown>[];
  samples: number;
  text: string | null;
  token_ids: number[] | null;
}
export interface Stop {
  when: When;
  visit: Visit;
  why: string;
  breakpoint: number | null;
  question: unknown;
  request: PendingPrompt | null;
  error: string | null;
}
export interface Branch {
  name: string;
  rollout_id: string;
  parent: string | null;
  at: number | null;
  kind: "main" | "fork" | "sample";
  group: string | null;
  status: string;
  answer: string | null;
  passed: boolean | null;
  value: number | null;
  edits: number;
  created: number;
  dropped: boolean;
}
export interface Breakpoint {
  number: number;
  node: string | null;
  at: string;
  role: string | null;
  verdict: string | null;
  score: string | null;
  error: boolean;
  tokens: number | null;
  when: string | null;
  temporary: boolean;
  enabled: boolean;
  hits: number;
  ignore: number;
  commands: string[];
}
export interface Frame {
  visit: number | null;
  node: string;
  within: string[];
}
export interface Spread {
  n: number;
  answers: [string | null, number][];
  passed: number | null;
  interval: [number, number] | null;
  mean: number | null;
  mean_interval: [number, number] | null;
  branches: string[];
  failed: number;
}
export interface Gain {
  difference: number;
  interval: [number, number];
  p: number | null;
}
export interface NamedSpread {
  name: string;
  at: number | null;
  spread: Spread;
  gain: Gain | null;
}
export interface Lesson {
  kind: string;
  turn_id?: string | null;
  text?: string | null;
}
/** A field of the state as text, cut where `size` is more; JSON stays text, since numbers here are not Python's. */
export interface FieldText {
  text: string;
  size: number;
  json: boolean;
  /** How many entries or fields it has. */
  parts: number | null;
}
export interface SessionView {
  run: string;
  rollout: string;
  status: "stopped" | "running" | "done" | "failed";
  stop: Stop | null;
  state: Record<string, FieldText>;
  /** What the latest visit changed, and how the text of each field began before. */
  changes?: { field: string; before: string | null }[];
  visits: Visit[];
  branches: Branch[];
  branch: string;
  breakpoints: Breakpoint[];
  graph: GraphData;
  frames: Frame[];
  frame?: number;
  history: string[];
  last?: Last | null;
  task?: TaskData | null;
  spreads?: NamedSpread[];
  lessons?: Lesson[];
  roles?: string[];
  error?: string | null;
  /** What the graph has otherwise than when the session was kept. */
  notice?: string | null;
}
/** What came of the latest action, for those that were not done when they were answered. */
export interface Last {
  number: number;
  action: string;
  done: boolean;
  result: unknown;
  text: string;
  error: string | null;
}
export interface Reply {
  session: SessionView;
  result?: unknown;
  text?: string;
  done?: boolean;
}
