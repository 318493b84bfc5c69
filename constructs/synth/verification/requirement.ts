/** r1: from pods, with all controls; r2: from the network of nodes; r3: what pods see of themselves, and others of them. */
export const REQUIREMENTS = ['r1', 'r2', 'r3'] as const;
export type Requirement = (typeof REQUIREMENTS)[number];
