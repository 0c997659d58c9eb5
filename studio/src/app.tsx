// The page of the studio: the frame, and in it the page that the address names.
import { render } from "preact";
import { isSaved } from "./api/client";
import { place } from "./router";
import { readRuns } from "./runs";
import { askServer } from "./server";
import { ComparePage } from "./pages/compare/ComparePage";
import { OverviewPage } from "./pages/overview/OverviewPage";
import { RolloutPage } from "./pages/rollout/RolloutPage";
import { RolloutsPage } from "./pages/rollouts/RolloutsPage";
import { RunsPage } from "./pages/RunsPage";
import { SessionPage } from "./pages/session/SessionPage";
import { links } from "./router";
import { Shell } from "./ui/Shell";
import { Empty } from "./ui/States";

function Page() {
  const at = place.value;
  switch (at.page) {
    case "runs":
      return <RunsPage />;
    case "overview":
      return <OverviewPage key={at.run} run={at.run} />;
    case "rollouts":
      return <RolloutsPage key={at.run} run={at.run} query={at.query} />;
    case "rollout":
      return <RolloutPage key={at.rollout} run={at.run} rollout={at.rollout} turn={at.turn} />;
    case "compare":
      return <ComparePage run={at.run} a={at.a} b={at.b} />;
    case "session":
      return <SessionPage query={at.query} />;
    case "unknown":
      return (
        <Empty title="There is no such page">
          <p>
            <a href={links.runs()}>All runs</a>
          </p>
        </Empty>
      );
  }
}

function App() {
  return (
    <Shell>
      <Page />
    </Shell>
  );
}

if (isSaved) document.documentElement.classList.add("saved");
const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
  void readRuns();
  void askServer();
}
