// A completion token by token, coloured by how unlikely each was; a page of tokens at a time, the rest on request.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, get, query } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Surprise, Token, TokensView } from "../../api/types";
import { count } from "../../text/format";
import { printable } from "../../text/printable";
import { Answered } from "../../ui/States";
import { tell } from "../../ui/Toast";
import { level, LEVELS, probability } from "./surprise";

const PAGE = 1000;

interface Properties {
  run: string;
  turn: string;
  jump: { current: (() => void) | null };
}

/** What a token's text looks like: line feeds as a sign and a break, an empty text as a box. */
function shown(text: string): string {
  return printable(text).replaceAll("\n", "↵\n").replaceAll("\t", "⇥") || "▯";
}

export function Legend() {
  return (
    <ul class="legend" aria-label="Colours: how likely a token was">
      {LEVELS.map((each, index) => (
        <li key={each.name}>
          <i class={`token s${index}`} />
          {each.name}
        </li>
      ))}
    </ul>
  );
}

function Facts({ token, index }: { token: Token; index: number }) {
  return (
    <dl class="token-facts">
      <div>
        <dt>token</dt>
        <dd class="foreign">{JSON.stringify(printable(token.text))}</dd>
      </div>
      <div>
        <dt>id</dt>
        <dd>{token.id}</dd>
      </div>
      <div>
        <dt>place</dt>
        <dd>{index}</dd>
      </div>
      <div>
        <dt>probability</dt>
        <dd>{probability(token.logprob)}</dd>
      </div>
      <div>
        <dt>log-probability</dt>
        <dd>{token.logprob === null ? "–" : token.logprob.toFixed(4)}</dd>
      </div>
    </dl>
  );
}

/** The most surprising tokens: as the server found them in the whole turn, else among those read. */
function surprising(view: TokensView, tokens: Token[]): Surprise[] {
  if (view.surprising) return view.surprising;
  return tokens
    .map((token, index) => ({ index, id: token.id, text: token.text, logprob: token.logprob ?? 0 }))
    .sort((one, other) => one.logprob - other.logprob)
    .slice(0, 12);
}

function TokenText({ view, run, turn, jump }: { view: TokensView } & Properties) {
  const [tokens, setTokens] = useState<Token[]>(view.tokens);
  const [at, setAt] = useState<number | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const next = useRef(0);
  useEffect(() => {
    setTokens(view.tokens);
    setAt(null);
    next.current = 0;
  }, [view]);
  const listed = surprising(view, tokens).filter((each) => each.logprob < -0.1);

  const readTo = async (index: number): Promise<void> => {
    let read = tokens;
    while (read.length <= index && read.length < view.total) {
      const more = await get<TokensView>(
        api("runs", run, "turns", turn, "tokens") + query({ offset: read.length, limit: PAGE }),
      );
      if (more.tokens.length === 0) break;
      read = read.concat(more.tokens);
    }
    setTokens(read);
  };
  const goTo = (index: number) => {
    readTo(index).then(
      () => {
        setAt(index);
        requestAnimationFrame(() =>
          box.current
            ?.querySelector(`[data-token="${index}"]`)
            ?.scrollIntoView({ block: "center", behavior: "smooth" }),
        );
      },
      (error: Error) => tell(error.message, true),
    );
  };
  jump.current = () => {
    const one = listed[next.current % Math.max(1, listed.length)];
    next.current += 1;
    if (one) goTo(one.index);
  };
  const pointed = (event: Event) => {
    const found = (event.target as Element).closest("[data-token]");
    if (found) setAt(Number(found.getAttribute("data-token")));
  };
  const keyed = (event: KeyboardEvent) => {
    if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(tokens.length - 1, (at ?? -1) + (event.key === "ArrowRight" ? 1 : -1))));
  };
  const token = at === null ? undefined : tokens[at];
  return (
    <div class="tokens">
      <Legend />
      <div
        class="token-box foreign"
        ref={box}
        tabIndex={0}
        role="group"
        aria-label="Tokens; arrows move from token to token"
        onMouseOver={pointed}
        onClick={pointed}
        onKeyDown={keyed}
      >
        {tokens.map((each, index) => (
          <span
            key={index}
            data-token={index}
            class={`token s${level(each.logprob) ?? "none"} ${index === at ? "at" : ""}`}
          >
            {shown(each.text)}
          </span>
        ))}
      </div>
      {tokens.length < view.total && (
        <button class="more" onClick={() => void readTo(tokens.length + PAGE - 1)}>
          Read more: {count(tokens.length)} of {count(view.total)} tokens are shown
        </button>
      )}
      <div class="token-below" aria-live="polite">
        {token && at !== null ? (
          <Facts token={token} index={at} />
        ) : (
          <p class="aside">Point at a token, or move with the arrow keys.</p>
        )}
      </div>
      {listed.length > 0 && (
        <div class="surprising">
          <h4>Most surprising</h4>
          <ol>
            {listed.slice(0, 12).map((each) => (
              <li key={each.index}>
                <button onClick={() => goTo(each.index)} title={`token ${each.id}, place ${each.index}`}>
                  <code class="foreign">{shown(each.text).trim() || "␣"}</code>
                  <span>{probability(each.logprob)}</span>
                </button>
              </li>
            ))}
          </ol>
        </div>
      )}
    </div>
  );
}

export function Tokens({ run, turn, jump }: Properties) {
  const resource = useResource<TokensView>(
    api("runs", run, "turns", turn, "tokens") + query({ limit: PAGE }),
  );
  return (
    <Answered resource={resource} what="the tokens">
      {(view) =>
        view.available ? (
          <TokenText key={turn} view={view} run={run} turn={turn} jump={jump} />
        ) : (
          <p class="nothing">
            {view.why
              ? printable(view.why)
              : "No token ids are on record for this turn: its engine gave none."}
          </p>
        )
      }
    </Answered>
  );
}
