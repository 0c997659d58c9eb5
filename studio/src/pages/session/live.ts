// The live session: what the server says of it, asked again while it runs, and the one way to do something with it.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, get, isSaved, post } from "../../api/client";
import type { Reply, SessionView } from "../../api/session";
import { tell } from "../../ui/Toast";

const QUICK = 500;
const SLOW = 3000;

/** undefined: not yet asked; null: no session is open. */
export const session = signal<SessionView | null | undefined>(undefined);
export const failure = signal<ApiError | null>(null);
/** What is being done, for buttons that wait. */
export const doing = signal<string | null>(null);
/** What the console showed, oldest first. */
export const said = signal<{ line: string; text: string; bad: boolean }[]>([]);

let latest = "";
let changedAt = 0;

function take(view: SessionView | null): void {
  const text = JSON.stringify(view);
  if (text === latest) return;
  latest = text;
  session.value = view;
}

async function ask(): Promise<void> {
  const begun = changedAt;
  try {
    const view = await get<SessionView | null>("/api/session");
    failure.value = null;
    if (begun === changedAt) take(view);
  } catch (error) {
    failure.value = error instanceof ApiError ? error : new ApiError(String(error), 0, {});
  }
}

/** Keep `session` as the server has it while the page is shown. */
export function useLiveSession(): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let ended = false;
    const again = async (): Promise<void> => {
      await ask();
      if (!ended && !isSaved)
        timer = setTimeout(
          () => void again(),
          session.value?.status === "running" || doing.value ? QUICK : SLOW,
        );
    };
    void again();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, []);
}

/** Wait for an action that was still at work when the server answered. */
async function ended(reply: Reply): Promise<{ result: unknown; text: string }> {
  if (reply.done !== false) return { result: reply.result, text: reply.text ?? "" };
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, QUICK));
    await ask();
    if (failure.value) throw failure.value;
    const last = session.value?.last;
    if (!last || last.done) {
      if (last?.error) throw new ApiError(last.error, 400, {});
      return { result: last?.result, text: last?.text ?? "" };
    }
  }
}

async function ordered(
  action: string,
  body: Record<string, unknown>,
): Promise<{ result: unknown; text: string }> {
  const busy = action !== "pause";
  if (busy) doing.value = action;
  try {
    const reply = await post<Reply>(`/api/session/${action}`, body);
    changedAt += 1;
    take(reply.session);
    return await ended(busy ? reply : { ...reply, done: true });
  } finally {
    if (busy) doing.value = null;
  }
}

/** Do `action`; gives what came of it, or undefined where it failed, which is told to the reader. */
export async function act<T = unknown>(
  action: string,
  body: Record<string, unknown> = {},
  done?: string,
): Promise<T | undefined> {
  try {
    const { result } = await ordered(action, body);
    if (done) tell(done);
    return (result ?? true) as T;
  } catch (error) {
    tell((error as Error).message, true);
    return undefined;
  }
}

/** Give a line to the console; what it answers is kept. */
export async function command(line: string): Promise<void> {
  const keep = (text: string, bad: boolean) => {
    said.value = [...said.value.slice(-199), { line, text, bad }];
  };
  try {
    keep((await ordered("command", { line })).text, false);
  } catch (error) {
    keep((error as Error).message, true);
  }
}
