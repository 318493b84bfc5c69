/** One problem of a lab, found without touching a machine. Validation returns all of them at once. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'info';
  /** Stable, upper case: CIDR_OVERLAP. Documented in docs/diagnostics.md. */
  readonly code: string;
  /** Where in the lab: ['clusters', 0, 'podCIDR']. Formatted as `clusters.c1.podCIDR` when the element has a name. */
  readonly path: readonly (string | number)[];
  /** What is wrong, with the values. */
  readonly message: string;
  /** What to do next. */
  readonly hint: string;
}
