// Where the session will stop: by node, by what was said, or by a condition over the state.
import { useState } from "preact/hooks";
import type { Breakpoint, SessionView } from "../../api/session";
import { printable } from "../../text/printable";
import { act } from "./live";

function described(stop: Breakpoint): string {
  const parts = [
    stop.node ? `${stop.at} ${stop.node}` : stop.role ? "" : stop.at === "prompt" ? "at any prompt" : "",
    stop.role && `role ${stop.role}`,
    stop.verdict && `verdict ${stop.verdict}`,
    stop.score && `score ${stop.score}`,
    stop.error && "any error",
    stop.tokens !== null && `over ${stop.tokens} tokens`,
    stop.when,
  ].filter(Boolean);
  return parts.join(", ") || `${stop.at} any node`;
}

function Row({ stop }: { stop: Breakpoint }) {
  return (
    <li class={stop.enabled ? "" : "off"}>
      <input
        type="checkbox"
        checked={stop.enabled}
        aria-label={`Breakpoint ${stop.number} is on`}
        onChange={() => void act(stop.enabled ? "disable" : "enable", { number: stop.number })}
      />
      <span class="break-number">{stop.number}</span>
      <code class="foreign">{printable(described(stop))}</code>
      <span class="soft break-facts">
        {stop.temporary && "once "}
        {stop.hits > 0 && `hit ${stop.hits}×`}
      </span>
      <button
        class="quiet"
        aria-label={`Clear breakpoint ${stop.number}`}
        onClick={() => void act("clear", { number: stop.number })}
      >
        ✕
      </button>
    </li>
  );
}

function Add({ view }: { view: SessionView }) {
  const [node, setNode] = useState(""),
    [at, setAt] = useState(""),
    [when, setWhen] = useState("");
  const [verdict, setVerdict] = useState(""),
    [role, setRole] = useState(""),
    [score, setScore] = useState(""),
    [tokens, setTokens] = useState("");
  const [error, setError] = useState(false),
    [temporary, setTemporary] = useState(false);
  const given = {
    node: node || null,
    role: role || null,
    verdict: verdict || null,
    score: score || null,
    when: when || null,
    tokens: tokens ? Number(tokens) : null,
  };
  const empty = Object.values(given).every((value) => value === null) && !error;
  const add = (event: Event) => {
    event.preventDefault();
    if (empty) return;
    void act("break", { ...given, at: at || null, error, temporary }).then((done) => {
      if (done === undefined) return;
      setNode("");
      setAt("");
      setWhen("");
      setVerdict("");
      setRole("");
      setScore("");
      setTokens("");
      setError(false);
      setTemporary(false);
    });
  };
  const nodes = view.graph.nodes.filter(
    (each) => !each.id.endsWith("__start__") && !each.id.endsWith("__end__"),
  );
  return (
    <form class="break-add" onSubmit={add}>
      <div class="break-line">
        <select aria-label="When" value={at} onChange={(event) => setAt(event.currentTarget.value)}>
          <option value="">at</option>
          {["before", "prompt", "after"].map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <select aria-label="Node" value={node} onChange={(event) => setNode(event.currentTarget.value)}>
          <option value="">any node</option>
          {nodes.map((each) => (
            <option key={each.id} value={each.id}>
              {each.label}
            </option>
          ))}
        </select>
      </div>
      <input
        type="text"
        id="new-breakpoint"
        class="code"
        aria-label="Condition"
        placeholder="condition, such as verdict == 'wrong'"
        value={when}
        spellcheck={false}
        onInput={(event) => setWhen(event.currentTarget.value)}
      />
      <details>
        <summary>More conditions</summary>
        <div class="break-more">
          <label>
            role{" "}
            <select value={role} onChange={(event) => setRole(event.currentTarget.value)}>
              <option value="">any</option>
              {(view.roles ?? []).map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
          <label>
            verdict{" "}
            <select value={verdict} onChange={(event) => setVerdict(event.currentTarget.value)}>
              <option value="">any</option>
              <option>right</option>
              <option>wrong</option>
              <option>none</option>
            </select>
          </label>
          <label>
            score{" "}
            <input
              type="text"
              placeholder="< 0.5"
              value={score}
              onInput={(event) => setScore(event.currentTarget.value)}
            />
          </label>
          <label>
            tokens over{" "}
            <input
              type="number"
              min={1}
              value={tokens}
              onInput={(event) => setTokens(event.currentTarget.value)}
            />
          </label>
          <label class="tick">
            <input type="checkbox" checked={error} onChange={() => setError(!error)} /> any error
          </label>
          <label class="tick">
            <input type="checkbox" checked={temporary} onChange={() => setTemporary(!temporary)} /> once
          </label>
        </div>
      </details>
      <button type="submit" disabled={empty}>
        Add the breakpoint
      </button>
    </form>
  );
}

export function Breakpoints({ view }: { view: SessionView }) {
  return (
    <section class="panel" aria-label="Breakpoints">
      <header>
        <h3>Breakpoints</h3>
        <span class="aside">or press a node</span>
      </header>
      {view.breakpoints.length > 0 && (
        <ul class="breaks">
          {view.breakpoints.map((stop) => (
            <Row key={stop.number} stop={stop} />
          ))}
        </ul>
      )}
      <Add view={view} />
    </section>
  );
}
