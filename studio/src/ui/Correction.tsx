// What a turn should have said, beginning with the whole of what it said; where that is too long, with nothing.
import { useEffect, useState } from "preact/hooks";
import { partReader } from "../api/parts";
import { wholeText } from "../api/whole";

interface Properties {
  run: string;
  turn: string;
  save: (text: string) => void;
  close: () => void;
}

export function Correction({ run, turn, save, close }: Properties) {
  const [text, setText] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let ended = false;
    wholeText(partReader(run, turn, "completion"), "The turn").then(
      (whole) => {
        if (!ended) setText(whole);
      },
      (error: Error) => {
        if (ended) return;
        setProblem(error.message);
        setText("");
      },
    );
    return () => {
      ended = true;
    };
  }, [run, turn]);
  return (
    <div class="editor">
      {problem !== null && (
        <p class="aside" role="alert">
          {problem} A correction begins empty.
        </p>
      )}
      <textarea
        aria-label="What it should have said"
        rows={8}
        value={text ?? ""}
        disabled={text === null}
        placeholder={text === null ? "Reading what it said …" : ""}
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="buttons">
        <button class="primary" disabled={!text} onClick={() => save(text ?? "")}>
          Save the correction
        </button>
        <button onClick={close}>Cancel</button>
      </div>
    </div>
  );
}
