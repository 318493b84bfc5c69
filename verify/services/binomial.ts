/**
 * What counts as chance. A share is called wrong when a fair choice would give such a count, or one further out on that side, less than once in a billion
 * times: a verification judges hundreds of shares, and a thousand of them may not raise one false alarm.
 */
export const CHANCE = 1e-9;

/** Connections after which an endpoint that is one of `n` equal ones and was never chosen is no chance any more: (1 - 1/n)^N < CHANCE / n. */
export function connectionsToMeetAll(n: number): number {
  return n <= 1 ? 1 : Math.ceil(Math.log(CHANCE / n) / Math.log(1 - 1 / n));
}

/** The smaller one of P(X ≤ count) and P(X ≥ count) for X binomial with `trials` trials of probability `p`; exact up to rounding. */
export function binomialTail(count: number, trials: number, p: number): number {
  if (p <= 0 || p >= 1) return count === trials * p ? 1 : 0;
  const below = count <= trials * p;
  let sum = 0;
  for (let k = below ? 0 : count; k <= (below ? count : trials); k++) sum += Math.exp(logChoose(trials, k) + k * Math.log(p) + (trials - k) * Math.log1p(-p));
  return Math.min(1, sum);
}

const logFactorials: number[] = [0];

function logFactorial(n: number): number {
  for (let k = logFactorials.length; k <= n; k++) logFactorials.push((logFactorials[k - 1] ?? 0) + Math.log(k));
  return logFactorials[n] ?? 0;
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}
