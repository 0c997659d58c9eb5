// Where the reader is: the address after `#`, so that every view has a link and Back works.
import { signal } from "@preact/signals";

export type Place =
  | { page: "runs" }
  | { page: "overview"; run: string }
  | { page: "rollouts"; run: string; query: URLSearchParams }
  | { page: "rollout"; run: string; rollout: string; turn: string | null }
  | { page: "compare"; run: string; a: string; b: string }
  | { page: "session"; query: URLSearchParams }
  | { page: "unknown"; address: string };

export function parse(hash: string): Place {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decoded);
  const query = new URLSearchParams(search);
  const [first, run, third, fourth, fifth, sixth] = parts;
  if (first === undefined) return { page: "runs" };
  if (first === "session") return { page: "session", query };
  if (first !== "run" || run === undefined) return { page: "unknown", address: hash };
  if (third === undefined) return { page: "overview", run };
  if (third === "rollouts") return { page: "rollouts", run, query };
  if (third === "rollout" && fourth)
    return { page: "rollout", run, rollout: fourth, turn: fifth === "turn" ? (sixth ?? null) : null };
  if (third === "compare" && fourth && fifth) return { page: "compare", run, a: fourth, b: fifth };
  return { page: "unknown", address: hash };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const place = signal<Place>(parse(location.hash));
addEventListener("hashchange", () => {
  place.value = parse(location.hash);
});

const safe = encodeURIComponent;
export const links = {
  runs: () => "#/",
  overview: (run: string) => `#/run/${safe(run)}`,
  rollouts: (run: string, filter = "", sort = "") => {
    const query = new URLSearchParams();
    if (filter) query.set("filter", filter);
    if (sort) query.set("sort", sort);
    const text = query.toString();
    return `#/run/${safe(run)}/rollouts${text ? `?${text}` : ""}`;
  },
  rollout: (run: string, rollout: string) => `#/run/${safe(run)}/rollout/${safe(rollout)}`,
  turn: (run: string, rollout: string, turn: string) =>
    `#/run/${safe(run)}/rollout/${safe(rollout)}/turn/${safe(turn)}`,
  compare: (run: string, a: string, b: string) => `#/run/${safe(run)}/compare/${safe(a)}/${safe(b)}`,
  session: () => "#/session",
};

/** Go to `link`; `replacing` leaves no step for Back, for small moves such as typing a filter. */
export function go(link: string, replacing = false): void {
  if (link === location.hash) return;
  if (replacing) {
    history.replaceState(null, "", link);
    place.value = parse(link);
  } else {
    location.hash = link;
  }
}
