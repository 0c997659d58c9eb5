// Scores: who judged, the value, and the judgement of each step where there is one.
import type { ScoreRow } from "../../api/types";
import { number } from "../../text/format";
import { printable } from "../../text/printable";
import { Passed } from "../../ui/marks";

export function Scores({ scores }: { scores: ScoreRow[] }) {
  if (scores.length === 0) return <p class="aside">Nobody scored this.</p>;
  return (
    <table class="scores">
      <tbody>
        {scores.map((score, index) => (
          <tr key={index}>
            <th scope="row">
              {printable(score.name)}
              <small> of the {score.subject}</small>
            </th>
            <td>{number(score.value)}</td>
            <td>
              <Passed passed={score.passed} words />
            </td>
            <td>
              {score.steps && (
                <span class="steps" role="img" aria-label={`steps: ${score.steps.join(", ")}`}>
                  {score.steps.map((step, at) => (
                    <i
                      key={at}
                      class={step >= 0.5 ? "right" : "wrong"}
                      title={`step ${at + 1}: ${number(step)}`}
                    />
                  ))}
                </span>
              )}
              {score.feedback && <span class="foreign">{printable(score.feedback)}</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
