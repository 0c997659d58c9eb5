// What a turn was asked: its messages, or the prompt as the chat template rendered it, with the token ids.
import { partReader } from "../../api/parts";
import type { TurnView } from "../../api/types";
import { codePoints } from "../../text/blocks";
import { plain } from "../../text/format";
import { printable } from "../../text/printable";
import { LongText } from "../../ui/LongText";

export function Prompt({ view, run, raw }: { view: TurnView; run: string; raw: boolean }) {
  const id = view.turn.id;
  if (raw) {
    if (view.rendered === null)
      return (
        <p class="nothing">
          {printable(
            view.why_not_rendered ?? "The rendered prompt is not known: it needs the tokenizer of the model.",
          )}
        </p>
      );
    return (
      <LongText
        text={view.rendered}
        size={view.rendered_size ?? undefined}
        read={partReader(run, id, "rendered")}
        label="Rendered prompt"
      />
    );
  }
  return (
    <ol class="messages">
      {view.messages.map((message, index) => (
        <li key={index} class={`message ${/^[a-z]+$/.test(message.role) ? message.role : ""}`}>
          <h4>{printable(message.role)}</h4>
          <LongText
            text={message.content}
            size={Math.max(message.size ?? 0, codePoints(message.content))}
            read={partReader(run, id, `messages.${index}`)}
            label={`Message ${index + 1}`}
          />
          {message.more ? (
            <LongText text={plain(message.more)} label={`More of message ${index + 1}`} />
          ) : null}
        </li>
      ))}
      {(view.messages_left_out ?? 0) > 0 && (
        <li class="aside">and {view.messages_left_out} more messages, which are not shown</li>
      )}
    </ol>
  );
}
