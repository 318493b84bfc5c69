/** Outcome of one probe as the client saw it, before anything is judged. Engines write the index, the oracle reads it. */
export const OUTCOMES = ['ok', 'refused', 'silent', 'no-route', 'unreachable', 'no-host', 'too-big', 'stalled', 'error', 'not-run'] as const;
export type Outcome = (typeof OUTCOMES)[number];
