// Levels of surprise for colours: how unlikely a token was when it was sampled.

export const LEVELS = [
  { below: -Math.log(0.9), name: "over 90 %" },
  { below: -Math.log(0.5), name: "50 to 90 %" },
  { below: -Math.log(0.2), name: "20 to 50 %" },
  { below: -Math.log(0.05), name: "5 to 20 %" },
  { below: -Math.log(0.01), name: "1 to 5 %" },
  { below: Infinity, name: "under 1 %" },
];

export function level(logprob: number | null): number | null {
  if (logprob === null) return null;
  return LEVELS.findIndex((each) => -logprob < each.below);
}

export function probability(logprob: number | null): string {
  if (logprob === null) return "not known";
  const share = Math.exp(logprob);
  return share >= 0.0001
    ? `${(100 * share).toFixed(share > 0.9995 ? 1 : share > 0.1 ? 1 : 2)} %`
    : share.toExponential(1);
}
