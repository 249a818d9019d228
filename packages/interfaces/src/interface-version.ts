/** An interface id in its parts: `acme:img/resize@1.2.0`. @public */
export interface InterfaceName {
  /** `acme:img/resize`. */
  readonly base: string;
  /** `1.2.0`; `null`: it has none. */
  readonly version: string | null;
}

/** Splits an id; a plain name has no version. @public */
export function interfaceNameOf(id: string): InterfaceName {
  const at = id.indexOf('@');
  return at < 0 ? { base: id, version: null } : { base: id.slice(0, at), version: id.slice(at + 1) };
}

/**
 * The range within which versions must stay compatible: `1` for 1.x, `0.2` for 0.2.x, `0.0.3` for itself, and a
 * pre-release for itself. Linkers take any version of the same range for another.
 * @public
 */
export function compatibleRange(version: string | null): string {
  if (version === null) return '';
  const core = version.split('+', 1)[0] as string;
  if (core.includes('-')) return core;
  const [major = '0', minor = '0'] = core.split('.');
  if (major !== '0') return major;
  return minor === '0' ? core : `${major}.${minor}`;
}

/** Orders versions by semver; build metadata does not count. Negative: `a` is lower. @public */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left.numbers[i] ?? 0) - (right.numbers[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return comparePrereleases(left.prerelease, right.prerelease);
}

function partsOf(version: string): { readonly numbers: readonly number[]; readonly prerelease: readonly string[] } {
  const core = version.split('+', 1)[0] as string;
  const dash = core.indexOf('-');
  const numbers = (dash < 0 ? core : core.slice(0, dash)).split('.').map(Number);
  return { numbers, prerelease: dash < 0 ? [] : core.slice(dash + 1).split('.') };
}

function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i], b[i]];
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    if (left === right) continue;
    const [isLeftNumber, isRightNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (isLeftNumber && isRightNumber) return Number(left) - Number(right);
    if (isLeftNumber !== isRightNumber) return isLeftNumber ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}
