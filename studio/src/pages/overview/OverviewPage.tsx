// A run at a glance: how often it is right, and what its roles, verdicts and rounds did; follows a run being written.
import { useMemo } from "preact/hooks";
import { api } from "../../api/client";
import { useRevision } from "../../api/live";
import { useResource } from "../../api/resource";
import type { Summary } from "../../api/types";
import { BandPlot } from "../../plots/BandPlot";
import { Interval } from "../../plots/Interval";
import { links } from "../../router";
import { count, percent, plain, short } from "../../text/format";
import { printable } from "../../text/printable";
import { LongText } from "../../ui/LongText";
import { Answered, Empty } from "../../ui/States";
import { Confusion } from "./Confusion";
import { Flips } from "./Flips";
import { RoleBars } from "./RoleBars";

function Fact({ name, value, link }: { name: string; value: string; link?: string }) {
  const inside = (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
  return link ? (
    <a class="fact" href={link}>
      <dl>{inside}</dl>
    </a>
  ) : (
    <dl class="fact">{inside}</dl>
  );
}

function Headline({ summary, run }: { summary: Summary; run: string }) {
  const { accuracy, counts, verifier } = summary;
  const known = summary.tokens.some((row) => row.prompt !== null || row.completion !== null);
  const tokens = known
    ? summary.tokens.reduce((sum, row) => sum + (row.prompt ?? 0) + (row.completion ?? 0), 0)
    : null;
  return (
    <section class="headline" aria-label="In short">
      <div class="accuracy">
        <p class="eyebrow">Right{verifier ? ` by ${printable(verifier)}` : ""}</p>
        {accuracy && accuracy.value !== null ? (
          <>
            <p class="figure">{percent(accuracy.value)}</p>
            <Interval of={accuracy} />
            <p class="aside">
              {count(counts.passed)} of {count(accuracy.n)} judged · 95 % interval {percent(accuracy.low)} to{" "}
              {percent(accuracy.high)}
            </p>
          </>
        ) : (
          <>
            <p class="figure none">–</p>
            <p class="aside">Nothing is judged yet.</p>
          </>
        )}
      </div>
      <div class="facts">
        <Fact name="tasks" value={count(counts.tasks)} />
        <Fact name="rollouts" value={count(counts.rollouts)} link={links.rollouts(run)} />
        <Fact name="turns" value={short(counts.turns)} />
        <Fact name="tokens" value={short(tokens)} />
        <Fact name="wrong" value={count(counts.wrong)} link={links.rollouts(run, "passed:false")} />
        <Fact name="failed" value={count(counts.failed)} link={links.rollouts(run, "status:failed")} />
        {(["running", "unfinished", "abandoned"] as const).map(
          (status) =>
            counts[status] > 0 && (
              <Fact
                key={status}
                name={status}
                value={count(counts[status])}
                link={links.rollouts(run, `status:${status}`)}
              />
            ),
        )}
      </div>
    </section>
  );
}

function Cards({ summary, run }: { summary: Summary; run: string }) {
  const accuracy = useMemo(
    () => (summary.accuracy_over_time ?? []).map((p) => ({ x: p.n, y: p.value, low: p.low, high: p.high })),
    [summary],
  );
  const rewards = useMemo(
    () => summary.rewards.map((p) => ({ x: p.round, y: p.mean, low: p.low, high: p.high })),
    [summary],
  );
  return (
    <div class="cards">
      {summary.confusion && (
        <section class="card verdicts">
          <h2>Verdicts</h2>
          <p class="lead">What reviewers said, against what is so.</p>
          <Confusion table={summary.confusion} run={run} />
        </section>
      )}
      {summary.rounds.length > 0 && (
        <section class="card">
          <h2>Refinement</h2>
          <p class="lead">What each round saved and what it spoilt.</p>
          <Flips rounds={summary.rounds} />
        </section>
      )}
      <section class="card">
        <h2>Tokens</h2>
        <p class="lead">What each role read and wrote.</p>
        <RoleBars tokens={summary.tokens} run={run} />
      </section>
      {rewards.length > 0 && (
        <section class="card">
          <h2>Reward over rounds</h2>
          <p class="lead">Mean score of the candidates of each round.</p>
          <BandPlot
            points={rewards}
            label="Reward over rounds"
            axis="round"
            range={[0, 1.02]}
            value={(y) => y.toFixed(2)}
            whole
          />
        </section>
      )}
      {accuracy.length > 1 && (
        <section class="card">
          <h2>Accuracy so far</h2>
          <p class="lead">As rollouts ended, with its 95 % interval.</p>
          <BandPlot
            points={accuracy}
            label="Accuracy so far"
            axis="rollouts done"
            range={[0, 1.02]}
            value={(y) => percent(y, 0)}
          />
        </section>
      )}
      <section class="card settings">
        <h2>Settings</h2>
        <p class="lead">What the run was started with.</p>
        <LongText text={plain(summary.settings)} label="Settings" />
      </section>
    </div>
  );
}

export function OverviewPage({ run }: { run: string }) {
  const revision = useRevision(run);
  const resource = useResource<Summary>(api("runs", run, "summary"), revision);
  return (
    <div class="sheet">
      <Answered resource={resource} what="the run">
        {(summary) => (
          <>
            <header class="sheet-head">
              <h1>
                {printable(summary.run.name)}
                {summary.run.live && (
                  <span class="badge live">
                    <i aria-hidden="true" />
                    live
                  </span>
                )}
              </h1>
              <p class="foreign">{printable(summary.run.path)}</p>
              {summary.session && (
                <p class="of-session">
                  A debugging session: its rollouts are branches with what people changed in them, no measure
                  of a model.
                </p>
              )}
            </header>
            {summary.counts.rollouts === 0 ? (
              <Empty title="No rollouts yet">
                <p>{summary.run.live ? "They show up here as they begin." : "This run is empty."}</p>
              </Empty>
            ) : (
              <>
                <Headline summary={summary} run={run} />
                <Cards summary={summary} run={run} />
              </>
            )}
          </>
        )}
      </Answered>
    </div>
  );
}
