// Many runs to the end from one point: how their answers spread, how often they are right, and against the original.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { NamedSpread, SessionView, Spread } from "../../api/session";
import { Interval } from "../../plots/Interval";
import { count, percent } from "../../text/format";
import { printable } from "../../text/printable";
import { act, doing } from "./live";

/** Spreads seen on this page, for a server that keeps only the latest. */
const seen = signal<NamedSpread[]>([]);

function share(spread: Spread): { value: number | null; low: number | null; high: number | null } {
  const value = spread.passed !== null && spread.n > 0 ? spread.passed / spread.n : spread.mean;
  const [low, high] = spread.interval ?? spread.mean_interval ?? [null, null];
  return { value, low, high };
}

function Answers({ spread }: { spread: Spread }) {
  const most = Math.max(1, ...spread.answers.map(([, times]) => times));
  const shown = spread.answers.slice(0, 6);
  return (
    <ul class="answers">
      {shown.map(([answer, times]) => (
        <li key={answer ?? ""}>
          <code class="foreign">{printable(answer ?? "no answer")}</code>
          <span class="bar">
            <i style={{ width: `${(100 * times) / most}%` }} />
          </span>
          <b>{times}</b>
        </li>
      ))}
      {spread.answers.length > shown.length && (
        <li class="aside">and {spread.answers.length - shown.length} other answers</li>
      )}
    </ul>
  );
}

function Shown({ each }: { each: NamedSpread }) {
  const { spread, gain } = each;
  const right = share(spread);
  const signed = (value: number) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(0)}`;
  return (
    <li class="spread">
      <p>
        <b>{printable(each.name)}</b>{" "}
        <span class="soft">
          {count(spread.n)} runs{spread.failed > 0 ? `, ${spread.failed} failed` : ""}
        </span>
        <span class="spread-share">
          {right.value === null ? "not judged" : `${percent(right.value, 0)} right`}
        </span>
      </p>
      {right.value !== null && <Interval of={right} />}
      {gain && (
        <p class="gain">
          {signed(gain.difference)} points against the one before ({signed(gain.interval[0])} to{" "}
          {signed(gain.interval[1])}), p{" "}
          {gain.p === null ? "–" : gain.p < 0.001 ? "< 0.001" : `= ${gain.p.toFixed(3)}`}
        </p>
      )}
      <Answers spread={spread} />
    </li>
  );
}

export function Resample({ view }: { view: SessionView }) {
  const [n, setN] = useState(16),
    [at, setAt] = useState(""),
    [temperature, setTemperature] = useState(""),
    [name, setName] = useState("");
  const spreads = view.spreads ?? seen.value;
  const resample = (event: Event) => {
    event.preventDefault();
    const label = name || `resample ${spreads.length + 1}`;
    const body = {
      n,
      at: at ? Number(at) : null,
      sampling: temperature ? { temperature: Number(temperature) } : null,
      name: name || null,
    };
    void act<Spread>("resample", body).then((spread) => {
      if (spread && typeof spread === "object")
        seen.value = [...seen.value, { name: label, at: null, spread, gain: null }];
      if (spread) setName("");
    });
  };
  return (
    <section class="panel" aria-label="Resample">
      <header>
        <h3>Resample</h3>
        <span class="aside">to the end, without stops</span>
      </header>
      <form class="resample" onSubmit={resample}>
        <label>
          runs{" "}
          <input
            id="resample-n"
            type="number"
            min={1}
            max={1024}
            value={n}
            onInput={(event) => setN(event.currentTarget.valueAsNumber || 1)}
          />
        </label>
        <label>
          from{" "}
          <select value={at} onChange={(event) => setAt(event.currentTarget.value)}>
            <option value="">here</option>
            {view.visits.map((visit) => (
              <option key={visit.key} value={visit.number}>
                before {visit.number}, {visit.node}
              </option>
            ))}
          </select>
        </label>
        <label>
          temperature{" "}
          <input
            type="number"
            min={0}
            step={0.1}
            placeholder="as set"
            value={temperature}
            onInput={(event) => setTemperature(event.currentTarget.value)}
          />
        </label>
        <label>
          name{" "}
          <input
            type="text"
            placeholder="such as: new prompt"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary" disabled={view.status === "running" || doing.value !== null}>
          {doing.value === "resample" ? "Sampling …" : "Resample"}
        </button>
      </form>
      {spreads.length > 0 && (
        <ol class="spreads">
          {spreads.map((each, index) => (
            <Shown key={index} each={each} />
          ))}
        </ol>
      )}
    </section>
  );
}
