import type { Digest } from '@hotswap/core';
import type { ModuleCache } from './module-cache.ts';

/** What a node remembers of the versions of one module, by digest. @internal */
export interface ModuleVersions {
  /** The version that took all of the module's traffic last. */
  readonly serving?: Digest;
  /** The one that did before it: where a rollback goes. */
  readonly baseline?: Digest;
  /** Every version whose bytes are kept, the last used one first. */
  readonly versions: readonly Digest[];
}

/** Versions of a module that are in force. @internal */
export interface VersionsInForce {
  /** Loaded, or about to be. */
  readonly held: readonly Digest[];
  /** Those of them that take traffic. */
  readonly serving: readonly Digest[];
}

const nothing: ModuleVersions = { versions: [] };

/**
 * Which versions stay in the cache of a node when they are no longer part of its desired state (D-16): the last baseline
 * of each module is pinned, and so many more as `keepVersions` says stay as long as there is room. A module that the
 * node no longer serves has no baseline: its bytes go when room is needed.
 * @internal
 */
export class KeptVersions {
  readonly #cache: ModuleCache;
  readonly #keepVersions: number;
  readonly #modules = new Map<string, ModuleVersions>();

  /** @param keepVersions versions of one module beside those in force and the baseline */
  constructor(cache: ModuleCache, keepVersions: number) {
    this.#cache = cache;
    this.#keepVersions = keepVersions;
  }

  /** What is remembered of a module, to be given to `restore` after a restart. */
  of(moduleName: string): ModuleVersions {
    return this.#modules.get(moduleName) ?? nothing;
  }

  /** Takes back what was remembered, before anything is pulled. */
  restore(moduleName: string, versions: ModuleVersions): void {
    this.#replace(moduleName, versions);
  }

  /** Notes what is in force now, and lets go of versions beyond those that are kept. */
  use(moduleName: string, { held, serving }: VersionsInForce): void {
    const before = this.of(moduleName);
    const used = [...new Set([...serving, ...held])].filter((digest) => this.#cache.has(digest));
    const rest = before.versions.filter((digest) => !used.includes(digest) && this.#cache.has(digest));
    const { serving: last, baseline } = turnTo(before, new Set(serving));
    const bound = new Set([...used, last, baseline]);
    const surplus = rest.filter((digest) => !bound.has(digest)).slice(this.#keepVersions);
    this.#replace(moduleName, {
      ...(last === undefined ? {} : { serving: last }),
      ...(baseline === undefined ? {} : { baseline }),
      versions: [...used, ...rest.filter((digest) => !surplus.includes(digest))],
    });
    for (const digest of surplus) if (!this.#isKept(digest)) this.#cache.drop(digest);
  }

  /** The node serves nothing of the module any more. */
  forget(moduleName: string): void {
    this.#replace(moduleName, nothing);
    this.#modules.delete(moduleName);
  }

  #replace(moduleName: string, versions: ModuleVersions): void {
    const { baseline } = this.of(moduleName);
    this.#modules.set(moduleName, versions);
    if (versions.baseline === baseline) return;
    if (versions.baseline !== undefined) this.#cache.pin(versions.baseline);
    if (baseline !== undefined) this.#cache.unpin(baseline);
  }

  /** Two modules may share bytes. */
  #isKept(digest: Digest): boolean {
    return [...this.#modules.values()].some(({ versions }) => versions.includes(digest));
  }
}

/** While several versions share the traffic nothing is decided, and the baseline stays what it was. */
function turnTo({ serving, baseline }: ModuleVersions, now: ReadonlySet<Digest>): Omit<ModuleVersions, 'versions'> {
  const [alone] = now;
  const stays = {
    ...(serving === undefined ? {} : { serving }),
    ...(baseline === undefined ? {} : { baseline }),
  };
  if (now.size !== 1 || alone === undefined || alone === serving) return stays;
  return serving === undefined ? { serving: alone } : { serving: alone, baseline: serving };
}
