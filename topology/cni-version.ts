import type { SemVer } from 'semver';
// The one function: the whole package takes four times as long to load.
import parse from 'semver/functions/parse.js';

/** Reads `x.y.z` as CNIs number their releases; null when it is not that: a `v`, a part missing, a suffix. */
export function parseCniVersion(text: string): SemVer | null {
  return /^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}$/.test(text) ? parse(text) : null;
}

/** Is a CNI's version at least another, both `x.y.z`? What is no version is at least nothing. */
export function isCniAtLeast(version: string, least: string): boolean {
  return (parseCniVersion(version)?.compare(least) ?? -1) >= 0;
}
