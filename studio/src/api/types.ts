// What the server answers, by the names it uses. Everything that a record may lack is null, never a zero.

export interface Interval {
  value: number | null;
  low: number | null;
  high: number | null;
  n?: number;
}

export interface RunRow {
  id: string;
  name: string;
  path: string;
  rollouts: number;
  done: number;
  failed: number;
  running: number;
  unfinished: number;
  passed: number | null;
  wrong: number | null;
  turns: number;
  live: boolean;
}

export interface RoleTokens {
  role: string;
  turns: number;
  prompt: number | null;
  completion: number | null;
  seconds: number | null;
}
/** How many verdicts, and of how many rollouts. */
export interface Judged {
  verdicts: number;
  rollouts: number;
}
export interface RoundFlips {
  round: number;
  wrong_right: number;
  right_wrong: number;
  stayed_right: number;
  stayed_wrong: number;
}
export interface RoundReward {
  round: number;
  mean: number | null;
  low: number | null;
  high: number | null;
  n: number;
}
export interface Fields {
  roles: string[];
  nodes: string[];
  policies: string[];
  families: string[];
  verifiers: string[];
  verdicts: string[];
  judged: string[];
  errors: string[];
  statuses: string[];
  names: string[];
}
export interface Summary {
  run: RunRow;
  verifier: string | null;
  /** Whether it is a debugging session. */
  session?: boolean;
  settings: Record<string, unknown>;
  counts: {
    tasks: number;
    rollouts: number;
    done: number;
    failed: number;
    running: number;
    unfinished: number;
    abandoned: number;
    passed: number | null;
    wrong: number | null;
    turns: number;
  };
  accuracy: Interval | null;
  accuracy_over_time?: { n: number; value: number; low: number; high: number }[];
  tokens: RoleTokens[];
  /** Rows: said right, said wrong, said nothing; columns: is right, is wrong. */
  confusion: Judged[][] | null;
  rounds: RoundFlips[];
  rewards: RoundReward[];
  fields: Fields;
}

export interface RolloutRow {
  id: string;
  task: string;
  family: string | null;
  difficulty: number | null;
  repeat: number;
  status: string;
  answer: string | null;
  reference: string | null;
  passed: boolean | null;
  value: number | null;
  turns: number;
  rounds: number | null;
  verdicts: string[];
  judged: string[];
  prompt_tokens: number | null;
  completion_tokens: number | null;
  seconds: number | null;
  started: number;
  error: string | null;
  branch: string | null;
}
export interface RolloutPage {
  total: number;
  matching: number;
  ms: number;
  searched?: number;
  rows: RolloutRow[];
}

export interface TurnRow {
  id: string;
  role: string;
  node: string | null;
  call: number;
  sample: number;
  parents: string[];
  started: number;
  seconds: number;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  verdict: string | null;
  score: number | null;
  passed?: boolean | null;
  error: string | null;
  author: string | null;
  preview: string;
  size: number;
  policy?: string;
  verdict_why?: string | null;
  label?: string | null;
  /** Whether a review says the truth; worked out by the page. */
  truthful?: boolean | null;
}
export interface TaskData {
  id: string;
  problem: string;
  reference: string | null;
  solution: string | null;
  family: string | null;
  difficulty: number | null;
  metadata: Record<string, unknown>;
}
export interface ScoreRow {
  subject: string;
  subject_id: string;
  name: string;
  value: number | null;
  passed: boolean | null;
  steps: number[] | null;
  feedback: string | null;
}
export interface CandidateRow {
  id: string;
  text: string;
  answer: string | null;
  parents: string[];
  turn_id: string | null;
  round: number;
}
export interface RolloutView {
  rollout: RolloutRow;
  task: TaskData;
  output: unknown;
  turns: TurnRow[];
  scores: ScoreRow[];
  turn_count?: number;
  candidates: CandidateRow[];
  path: string[];
  branches: { name: string; rollout: string; kind: string; parent: string | null }[];
}

export interface MessageView {
  role: string;
  content: string;
  size: number;
  json?: boolean;
  more?: unknown;
}
export interface TurnView {
  turn: TurnRow;
  messages: MessageView[];
  completion: string;
  size: number;
  finish_reason: string | null;
  sampling: Record<string, unknown>;
  model: string;
  policy: string;
  rendered: string | null;
  scores: ScoreRow[];
  parents: TurnRow[];
  children: TurnRow[];
  metadata: Record<string, unknown>;
  rendered_size?: number | null;
  why_not_rendered?: string | null;
  messages_left_out?: number;
  tool_calls?: unknown;
  siblings?: TurnRow[];
}
export interface TextPart {
  text: string;
  offset: number;
  size: number;
}

export interface Token {
  id: number;
  text: string;
  logprob: number | null;
  surprise: number | null;
}
export interface Surprise {
  index: number;
  id: number;
  text: string;
  logprob: number;
}
export interface TokensView {
  available: boolean;
  why?: string | null;
  total: number;
  prompt_total?: number;
  offset: number;
  tokens: Token[];
  prompt?: { id: number; text: string }[];
  surprising?: Surprise[];
}

export interface GraphNode {
  id: string;
  label: string;
  kind: string;
  parent: string | null;
}
export interface GraphEdge {
  source: string;
  target: string;
  conditional: boolean;
  count: number | null;
}
export interface GraphData {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export type Piece = ["=" | "-" | "+", string];
export interface Change {
  field: string;
  before: unknown;
  after: unknown;
}
export interface Comparison {
  a: RolloutRow | null;
  b: RolloutRow | null;
  fields: Change[];
  turns: { a: TurnRow | null; b: TurnRow | null; diff: Piece[]; same?: boolean; prompt_diff?: Piece[] }[];
  scores: { name: string; a: number | null; b: number | null }[];
}
