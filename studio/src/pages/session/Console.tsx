// The console: any command of the terminal, with its history on the arrow keys; what it answers is plain text.
import { useEffect, useRef, useState } from "preact/hooks";
import type { SessionView } from "../../api/session";
import { printable } from "../../text/printable";
import { command, doing, said } from "./live";

export function Console({ view }: { view: SessionView }) {
  const [line, setLine] = useState("");
  const [back, setBack] = useState(0);
  const log = useRef<HTMLDivElement>(null);
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
            <code>b reviewer, verdict == 'wrong'</code>, <code>help</code>. Enter alone repeats.
          </p>
        )}
        {said.value.map((each, index) => (
          <div key={index} class={each.bad ? "bad" : ""}>
            <p class="console-line foreign">{printable(each.line)}</p>
            {each.text && <pre class="foreign">{printable(each.text.replace(/\n$/, ""))}</pre>}
          </div>
        ))}
      </div>
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
