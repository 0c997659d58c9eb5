// All rollouts of a run, filtered and sorted; the address holds both, so that a view can be sent.
import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { useRevision } from "../../api/live";
import { useResource } from "../../api/resource";
import type { Summary } from "../../api/types";
import { go, links } from "../../router";
import { brief, count, percent } from "../../text/format";
import { Empty, Failure, Loading } from "../../ui/States";
import { Key } from "../../ui/Help";
import { Chips } from "./Chips";
import { FilterBox } from "./FilterBox";
import { useRows } from "./pages";
import { Table } from "./Table";

export function RolloutsPage({ run, query }: { run: string; query: URLSearchParams }) {
  const filter = query.get("filter") ?? "",
    sort = query.get("sort") ?? "";
  const revision = useRevision(run);
  const summary = useResource<Summary>(api("runs", run, "summary")).data;
  const rows = useRows(run, filter, sort, revision);
  const [marked, setMarked] = useState<string | null>(null);
  const wrongFilter = rows.error?.status === 400 ? rows.error.message : null;
  const change = (to: string) => go(links.rollouts(run, to, sort), true);
  const mark = (id: string) => {
    if (marked === null) setMarked(id);
    else if (marked === id) setMarked(null);
    else go(links.compare(run, marked, id));
  };
  return (
    <div class="table-page">
      <div class="table-tools">
        <FilterBox filter={filter} fields={summary?.fields} error={wrongFilter} change={change} />
        <Chips filter={filter} summary={summary} change={change} />
        <p class="table-count" role="status">
          <b>{count(rows.matching)}</b>
          {filter && ` of ${count(rows.total)}`} rollouts
          {rows.ms !== null && (
            <span class="soft"> · {rows.ms < 10 ? rows.ms.toFixed(1) : Math.round(rows.ms)} ms</span>
          )}
          {filter && rows.searched < 1 && (
            <span class="soft"> · texts are still being read, {percent(rows.searched, 0)}</span>
          )}
        </p>
      </div>
      {marked && (
        <p class="marked-note">
          Marked <code>{brief(marked)}</code>: mark another with <Key name="m" /> to compare the two.{" "}
          <button class="quiet" onClick={() => setMarked(null)}>
            Forget it
          </button>
        </p>
      )}
      {rows.error && !wrongFilter ? (
        <Failure error={rows.error} />
      ) : rows.loading && rows.matching === 0 ? (
        <Loading what="the rollouts" />
      ) : rows.matching === 0 ? (
        <Empty title={filter ? "Nothing matches" : "No rollouts yet"}>
          {filter && (
            <p>
              <button onClick={() => change("")}>Clear the filter</button>
            </p>
          )}
        </Empty>
      ) : (
        <Table
          run={run}
          rows={rows}
          sort={sort}
          changeSort={(to) => go(links.rollouts(run, filter, to), true)}
          marked={marked}
          mark={mark}
        />
      )}
      <p class="hints" aria-hidden="true">
        <Key name="j" /> <Key name="k" /> move <Key name="Enter" /> open <Key name="/" /> filter{" "}
        <Key name="m" /> compare <Key name="?" /> all keys
      </p>
    </div>
  );
}
