// The field for a filter, with completion of names and values: arrows choose, Tab or Enter takes, Escape closes.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Fields } from "../../api/types";
import { printable } from "../../text/printable";
import { type Completion, completions } from "./language";

interface Properties {
  filter: string;
  fields: Fields | undefined;
  error: string | null;
  change: (filter: string) => void;
}

export function FilterBox({ filter, fields, error, change }: Properties) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(filter);
  const [offered, setOffered] = useState<Completion[]>([]);
  const [chosen, setChosen] = useState(-1);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const sent = useRef(filter);
  useEffect(() => {
    if (filter !== sent.current) {
      sent.current = filter;
      setText(filter);
    }
  }, [filter]);

  const send = (value: string, delay: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      sent.current = value;
      change(value);
    }, delay);
  };
  const offer = (value: string, caret: number) => {
    setOffered(fields ? completions(value, caret, fields) : []);
    setChosen(-1);
  };
  // Whoever types before the names are there is offered them when they come.
  useEffect(() => {
    const field = input.current;
    if (field && document.activeElement === field) offer(field.value, field.selectionStart ?? 0);
  }, [fields !== undefined]);
  const typed = () => {
    const field = input.current;
    if (!field) return;
    setText(field.value);
    send(field.value, 180);
    offer(field.value, field.selectionStart ?? field.value.length);
  };
  const take = (completion: Completion) => {
    setText(completion.whole);
    send(completion.whole, 0);
    setOffered([]);
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(completion.caret, completion.caret);
      offer(completion.whole, completion.caret);
    });
  };
  const keyed = (event: KeyboardEvent) => {
    const one = offered[chosen] ?? (event.key === "Tab" ? offered[0] : undefined);
    if (event.key === "ArrowDown" && offered.length) setChosen((chosen + 1) % offered.length);
    else if (event.key === "ArrowUp" && offered.length)
      setChosen((chosen - 1 + offered.length) % offered.length);
    else if (((event.key === "Tab" && !event.shiftKey) || event.key === "Enter") && one && text) take(one);
    else if (event.key === "Enter") {
      send(text, 0);
      setOffered([]);
      input.current?.blur();
    } else if (event.key === "Escape" && offered.length) setOffered([]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <div class="filter">
        <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">
          <circle cx="9" cy="9" r="5.5" fill="none" stroke="currentColor" stroke-width="1.7" />
          <path d="m13.5 13.5 4 4" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" />
        </svg>
        <input
          ref={input}
          id="filter"
          type="text"
          role="combobox"
          spellcheck={false}
          autocomplete="off"
          value={text}
          placeholder="Filter: verdict:wrong passed:false turns>3 or any words"
          aria-label="Filter the rollouts"
          aria-expanded={offered.length > 0}
          aria-controls="filter-offers"
          aria-autocomplete="list"
          aria-invalid={error !== null}
          aria-activedescendant={chosen >= 0 ? `offer-${chosen}` : undefined}
          onInput={typed}
          onKeyDown={keyed}
          onFocus={typed}
          onBlur={() => setTimeout(() => setOffered([]), 150)}
        />
        {text && (
          <button
            class="quiet"
            aria-label="Clear the filter"
            onClick={() => {
              setText("");
              send("", 0);
              setOffered([]);
            }}
          >
            ✕
          </button>
        )}
        {offered.length > 0 && (
          <ul id="filter-offers" role="listbox" aria-label="Completions">
            {offered.map((completion, index) => (
              <li
                key={completion.text}
                id={`offer-${index}`}
                role="option"
                aria-selected={index === chosen}
                onMouseDown={(event) => {
                  event.preventDefault();
                  take(completion);
                }}
              >
                {printable(completion.text)}
              </li>
            ))}
          </ul>
        )}
      </div>
      {error && offered.length === 0 && (
        <p class="filter-error" role="alert">
          {printable(error)}
        </p>
      )}
    </>
  );
}
