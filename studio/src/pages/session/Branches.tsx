// The branches of a session as a tree: switch to one, name it, drop it, compare it with this one, or fork here.
import { useState } from "preact/hooks";
import type { Branch, SessionView } from "../../api/session";
import { go } from "../../router";
import { printable } from "../../text/printable";
import { Passed, Status } from "../../ui/marks";
import { act } from "./live";

/** Branches below their parents, each with its depth; samples of a resampling are left to its spread. */
function tree(branches: Branch[]): { branch: Branch; depth: number }[] {
  const shown = branches.filter((branch) => !branch.dropped && branch.kind !== "sample");
  const names = new Set(shown.map((branch) => branch.name));
  const found: { branch: Branch; depth: number }[] = [];
  const below = (parent: string | null, depth: number): void => {
    for (const branch of shown) {
      const above = branch.parent !== null && names.has(branch.parent) ? branch.parent : null;
      if (above !== parent || found.some((each) => each.branch === branch)) continue;
      found.push({ branch, depth });
      below(branch.name, depth + 1);
    }
  };
  below(null, 0);
  return found;
}

function Name({ branch, close }: { branch: Branch; close: () => void }) {
  const [to, setTo] = useState(branch.name);
  const save = (event: Event) => {
    event.preventDefault();
    void act("rename", { name: branch.name, to }).then((done) => {
      if (done !== undefined) close();
    });
  };
  return (
    <form class="rename" onSubmit={save}>
      <input
        type="text"
        aria-label={`New name of ${branch.name}`}
        value={to}
        onInput={(event) => setTo(event.currentTarget.value)}
      />
      <button type="submit">Rename</button>
    </form>
  );
}

function Row({ branch, depth, view }: { branch: Branch; depth: number; view: SessionView }) {
  const [naming, setNaming] = useState(false);
  const here = branch.name === view.branch;
  return (
    <li class={here ? "here" : ""} data-depth={Math.min(depth, 5)} aria-current={here ? "true" : undefined}>
      <div class="branch-line">
        {here ? (
          <b>{printable(branch.name)}</b>
        ) : (
          <button
            class="quiet name"
            title="Switch to it"
            onClick={() => void act("switch", { name: branch.name })}
          >
            {printable(branch.name)}
          </button>
        )}
        {branch.at !== null && <small class="soft">at {branch.at}</small>}
        <span class="branch-end">
          {branch.status === "done" ? (
            <>
              <span class="foreign">{printable(branch.answer ?? "–")}</span> <Passed passed={branch.passed} />
            </>
          ) : (
            <Status status={branch.status} />
          )}
        </span>
      </div>
      <div class="branch-tools">
        {!here && (
          <button
            class="quiet"
            onClick={() =>
              go(
                `#/session?compare=${encodeURIComponent(view.branch)}&with=${encodeURIComponent(branch.name)}`,
              )
            }
          >
            Compare
          </button>
        )}
        {!here && branch.status === "done" && (
          <button
            class="quiet"
            title="This branch shows how it should have gone: the pair becomes training rows"
            onClick={() => void act("teach", { other: branch.name }, "Taught by this branch.")}
          >
            Teach by it
          </button>
        )}
        <button class="quiet" aria-expanded={naming} onClick={() => setNaming(!naming)}>
          Rename
        </button>
        {branch.kind !== "main" && (
          <button
            class="quiet danger"
            onClick={() => void act("drop", { name: branch.name }, `${branch.name} is dropped.`)}
          >
            Drop
          </button>
        )}
      </div>
      {naming && <Name branch={branch} close={() => setNaming(false)} />}
    </li>
  );
}

export function Branches({ view }: { view: SessionView }) {
  const [name, setName] = useState("");
  const samples = view.branches.filter((branch) => branch.kind === "sample" && !branch.dropped).length;
  const fork = (event: Event) => {
    event.preventDefault();
    void act("fork", { name: name || null }).then((done) => {
      if (done !== undefined) setName("");
    });
  };
  return (
    <section class="panel" aria-label="Branches">
      <header>
        <h3>Branches</h3>
        {samples > 0 && <span class="aside">and {samples} samples</span>}
      </header>
      <ul class="branches">
        {tree(view.branches).map(({ branch, depth }) => (
          <Row key={branch.rollout_id} branch={branch} depth={depth} view={view} />
        ))}
      </ul>
      <form class="one-line" onSubmit={fork}>
        <input
          type="text"
          id="new-branch"
          aria-label="Name of the new branch"
          placeholder="name (optional)"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit" disabled={view.status === "running"}>
          Fork here
        </button>
      </form>
    </section>
  );
}
