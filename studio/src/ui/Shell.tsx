// The frame of every page: where one is, the live session, the theme, the help.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { isSaved } from "../api/client";
import { go, links, type Place, place } from "../router";
import { server } from "../server";
import { brief } from "../text/format";
import { printable } from "../text/printable";
import { runName } from "../runs";
import { Help, helpShown, Key } from "./Help";
import { useShortcuts } from "./keys";
import { nextTheme, theme } from "./theme";
import { Toast } from "./Toast";

const THEMES = { auto: "as the system", light: "light", dark: "dark" };

function Mark() {
  return (
    <svg class="logo" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <path
        d="M7 6v12M7 8c0 5 10 2 10 9"
        fill="none"
        stroke="currentColor"
        stroke-width="1.8"
        stroke-linecap="round"
      />
      <circle cx="7" cy="5" r="2.4" />
      <circle cx="7" cy="19" r="2.4" />
      <circle class="taught" cx="17" cy="18" r="2.4" />
    </svg>
  );
}

function Crumbs({ at }: { at: Place }) {
  const crumbs: { text: string; link: string | null }[] = [];
  if ("run" in at) {
    crumbs.push({ text: runName(at.run), link: links.overview(at.run) });
    if (at.page !== "overview") crumbs.push({ text: "rollouts", link: links.rollouts(at.run) });
    if (at.page === "rollout") crumbs.push({ text: brief(at.rollout), link: null });
    if (at.page === "compare") crumbs.push({ text: "compare", link: null });
  }
  if (at.page === "session") crumbs.push({ text: isSaved ? "session" : "live session", link: null });
  return (
    <nav class="crumbs" aria-label="Where you are">
      <a class="brand" href={links.runs()}>
        <Mark />
        <span>
          tutelage <b>studio</b>
        </span>
      </a>
      {crumbs.map((crumb, index) => (
        <span key={crumb.text} class="crumb">
          <i aria-hidden="true">/</i>
          {crumb.link && index < crumbs.length - 1 ? (
            <a href={crumb.link}>{printable(crumb.text)}</a>
          ) : (
            <span aria-current="page">{printable(crumb.text)}</span>
          )}
        </span>
      ))}
    </nav>
  );
}

function Tabs({ at }: { at: Place }) {
  if (!("run" in at)) return null;
  return (
    <nav class="tabs" aria-label="Pages of the run">
      <a href={links.overview(at.run)} aria-current={at.page === "overview" ? "page" : undefined}>
        Overview
      </a>
      <a href={links.rollouts(at.run)} aria-current={at.page === "overview" ? undefined : "page"}>
        Rollouts
      </a>
    </nav>
  );
}

function RunKeys({ run }: { run: string }) {
  useShortcuts("run", { overview: () => go(links.overview(run)), table: () => go(links.rollouts(run)) });
  return null;
}

export function Shell({ children }: { children: ComponentChildren }) {
  const at = place.value;
  useShortcuts("everywhere", {
    help: () => {
      helpShown.value = !helpShown.value;
    },
    theme: nextTheme,
    runs: () => go(links.runs()),
    session: () => go(links.session()),
  });
  const run = "run" in at ? at.run : null;
  useEffect(() => {
    document.title = `${run ? `${runName(run)} · ` : at.page === "session" ? "live session · " : ""}tutelage studio`;
  });
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        To the content
      </a>
      <header class="top">
        <Crumbs at={at} />
        {run && <RunKeys run={run} />}
        <Tabs at={at} />
        <div class="tools">
          {isSaved && (
            <span class="badge" title="Everything on this page is in its file; nothing can be changed.">
              saved page
            </span>
          )}
          {server.value?.session && (
            <a
              class="live-link"
              href={links.session()}
              aria-current={at.page === "session" ? "page" : undefined}
            >
              <i aria-hidden="true" />
              {isSaved ? "Session" : "Live session"}
            </a>
          )}
          <button
            class="quiet"
            onClick={nextTheme}
            aria-label={`Theme: ${THEMES[theme.value]}. Change it`}
            title={`Theme: ${THEMES[theme.value]}`}
          >
            <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
              <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.6" />
              <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
            </svg>
            <span class="theme-name">{theme.value}</span>
          </button>
          <button
            class="quiet"
            onClick={() => {
              helpShown.value = true;
            }}
            aria-label="Help: every key"
          >
            <Key name="?" />
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1} class={`page ${at.page}`}>
        {children}
      </main>
      <Toast />
      <Help />
    </>
  );
}
