// What each round of refinement saved and spoilt: wrong→right to one side, right→wrong to the other.
import type { RoundFlips } from "../../api/types";
import { count } from "../../text/format";

export function Flips({ rounds }: { rounds: RoundFlips[] }) {
  const most = Math.max(1, ...rounds.flatMap((round) => [round.wrong_right, round.right_wrong]));
  return (
    <table class="flips">
      <thead>
        <tr>
          <th scope="col" class="lost-head">
            right → wrong
          </th>
          <th scope="col">round</th>
          <th scope="col" class="won-head">
            wrong → right
          </th>
        </tr>
      </thead>
      <tbody>
        {rounds.map((round) => (
          <tr
            key={round.round}
            title={`stayed right ${count(round.stayed_right)}, stayed wrong ${count(round.stayed_wrong)}`}
          >
            <td class="lost">
              <span>{count(round.right_wrong)}</span>
              <i style={{ width: `${(80 * round.right_wrong) / most}%` }} />
            </td>
            <th scope="row">{round.round}</th>
            <td class="won">
              <i style={{ width: `${(80 * round.wrong_right) / most}%` }} />
              <span>{count(round.wrong_right)}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
