// The console: any command of the terminal, with its history on the arrow keys and completion on Tab; what it answers is plain text.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, query } from "../../api/client";
import type { SessionView } from "../../api/session";
import { printable } from "../../text/printable";
import { tell } from "../../ui/Toast";
import { command, doing, said } from "./live";

const SHOWN = 60;

/** What all words begin with. */
function shared(words: string[]): string {
  const [first = "", ...others] = words;
  let end = first.length;
  for (const word of others) while (!word.startsWith(first.slice(0, end))) end -= 1;
  return first.slice(0, end);
}

/** Completes the last word before the cursor; where there is nothing to complete, Tab goes on to the next field. */
function useCompletion(line: string, setLine: (line: string) => void) {
  const [words, setWords] = useState<string[]>([]);
  const current = useRef(line);
  const spent = useRef<string | null>(null);
  useEffect(() => {
    if (line !== current.current) setWords([]);
    current.current = line;
  }, [line]);
  const complete = async (at: number): Promise<void> => {
    const head = line.slice(0, at);
    const found = await get<{ words: string[] }>(`/api/session/complete${query({ line: head })}`);
    if (current.current !== line) return;
    if (found.words.length === 0) spent.current = line;
    setWords(found.words.length > 1 ? found.words : []);
    if (found.words.length === 0) return;
    const only = found.words.length === 1 && !found.words[0]!.endsWith("/") ? " " : "";
    const known = head.slice(0, head.lastIndexOf(" ") + 1) + shared(found.words) + only;
    if (known.length <= head.length) return;
    current.current = known + line.slice(at);
    setLine(current.current);
  };
  const onTab = (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => {
    if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!line.trim() || spent.current === line) return;
    event.preventDefault();
    complete(event.currentTarget.selectionStart ?? line.length).catch((error: Error) =>
      tell(error.message, true),
    );
  };
  return { words, onTab };
}

export function Console({ view }: { view: SessionView }) {
  const [line, setLine] = useState("");
  const [back, setBack] = useState(0);
  const log = useRef<HTMLDivElement>(null);
  const { words, onTab } = useCompletion(line, setLine);
  const lines = [
    ...view.history,
    ...said.value.map((each) => each.line).filter((each) => !view.history.includes(each)),
  ];
  useEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [said.value.length]);
  const recall = (by: number) => {
    const to = Math.max(0, Math.min(lines.length, back + by));
    setBack(to);
    setLine(to === 0 ? "" : (lines[lines.length - to] ?? ""));
  };
  const send = (event: Event) => {
    event.preventDefault();
    const given = line.trim() || lines.at(-1) || "";
    setLine("");
    setBack(0);
    if (given) void command(given);
  };
  return (
    <section class={`console ${said.value.length === 0 ? "fresh" : ""}`} aria-label="Console">
      <div class="console-log" ref={log} tabIndex={0} role="log" aria-label="What the console said">
        {said.value.length === 0 && (
          <p class="aside">
            Any command of the terminal works here: <code>where</code>, <code>p round</code>,{" "}
            <code>b reviewer, verdict == 'wrong'</code>, <code>help</code>. Enter alone repeats, Tab
            completes.
          </p>
        )}
        {said.value.map((each, index) => (
          <div key={index} class={each.bad ? "bad" : ""}>
            <p class="console-line foreign">{printable(each.line)}</p>
            {each.text && <pre class="foreign">{printable(each.text.replace(/\n$/, ""))}</pre>}
          </div>
        ))}
      </div>
      {words.length > 0 && (
        <p class="console-words foreign" role="status" aria-label="What it may become">
          {words.slice(0, SHOWN).map(printable).join("  ")}
          {words.length > SHOWN ? ` and ${words.length - SHOWN} more` : ""}
        </p>
      )}
      <form onSubmit={send}>
        <span aria-hidden="true">›</span>
        <input
          type="text"
          id="console"
          aria-label="Command"
          autocomplete="off"
          spellcheck={false}
          value={line}
          placeholder={doing.value === "command" ? "…" : "command"}
          onInput={(event) => {
            setLine(event.currentTarget.value);
            setBack(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "Tab") onTab(event);
            if (event.key === "ArrowUp") {
              event.preventDefault();
              recall(1);
            }
            if (event.key === "ArrowDown") {
              event.preventDefault();
              recall(-1);
            }
          }}
        />
      </form>
    </section>
  );
}
