import type { SemVer } from 'semver';
// The one function: the whole package takes four times as long to load, and every command plans.
import parse from 'semver/functions/parse.js';

/** The newest minor version whose behaviour is known here. */
export const NEWEST_KUBERNETES = '1.37';

/** Reads `major.minor` or `major.minor.patch`; null when it is neither. */
export function parseKubernetesVersion(text: string): SemVer | null {
  if (!/^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))?$/.test(text)) return null;
  return parse(text.split('.').length === 2 ? `${text}.0` : text);
}

/** Is a version at least `major.minor`? */
export function isAtLeast(version: SemVer, minor: string): boolean {
  return version.compare(`${minor}.0`) >= 0;
}
