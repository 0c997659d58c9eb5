// A share with its interval on a line from 0 to 1: the point, and what is as likely as not to hold it.
import type { Interval as Numbers } from "../api/types";
import { percent } from "../text/format";

export function Interval({ of }: { of: Numbers }) {
  const { value, low, high } = of;
  const left = 100 * (low ?? value ?? 0),
    right = 100 * (high ?? value ?? 0);
  return (
    <div class="interval" role="img" aria-label={`95 % interval ${percent(low)} to ${percent(high)}`}>
      <span class="rail" />
      <span class="span" style={{ left: `${left}%`, width: `${Math.max(right - left, 0.5)}%` }} />
      {value !== null && <span class="point" style={{ left: `${100 * value}%` }} />}
      <span class="end" aria-hidden="true">
        0
      </span>
      <span class="end last" aria-hidden="true">
        100 %
      </span>
    </div>
  );
}
