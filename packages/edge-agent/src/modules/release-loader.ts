import {
  isHotSwapError,
  type DesiredRelease,
  type LoadedModule,
  type LoadOptions,
  type RuntimeHost,
} from '@hotswap/core';
import { BackOff } from '../server/back-off.ts';
import { grantedNetwork, grantedPolicy, type CapabilityGrants } from './capability-grants.ts';
import type { LoadTimes } from './load-times.ts';
import type { LoadQuarantine } from './load-quarantine.ts';
import type { ModuleCache, ModuleOrigin } from './module-cache.ts';
import { checkRuntimeFit } from './runtime-fit.ts';

/** @internal */
export interface ReleaseLoaderOptions {
  readonly runtime: RuntimeHost;
  readonly cache: ModuleCache;
  readonly origin: ModuleOrigin;
  readonly quarantine: LoadQuarantine;
  readonly times: LoadTimes;
  readonly grants: CapabilityGrants;
  /** Releases that are pulled and compiled at once. */
  readonly concurrency: number;
  /** How long failures that may pass are tried again before the release counts as failed. */
  readonly retryForMs: number;
}

/**
 * Whether a failure to load lies with the node's surroundings and may pass by itself. A module that takes too long to
 * start does not get better by trying.
 * @internal
 */
export function mayPass(error: unknown): boolean {
  return (
    isHotSwapError(error) &&
    error.retryable &&
    (error.code.startsWith('HS_AGENT_') || error.code === 'HS_RUNTIME_IO_FAILED')
  );
}

/**
 * Brings a release from its digest to a warm module: pull, verify, compile or map from the cache, link against the
 * granted policy. Bounded in parallel; pulls that may succeed later are tried again with jitter.
 * @internal
 */
export class ReleaseLoader {
  readonly #options: ReleaseLoaderOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: ReleaseLoaderOptions) {
    this.#options = options;
  }

  /** @throws what pulling and loading throw; `AbortError` when the signal is aborted */
  async load(release: DesiredRelease, signal: AbortSignal): Promise<LoadedModule> {
    const granted = this.#granted(release);
    const giveUpAt = performance.now() + this.#options.retryForMs;
    const backOff = new BackOff({ firstMs: 100, maxMs: 5_000 });
    for (;;) {
      try {
        return await this.#inTurn(signal, () => this.#loadOnce(release, granted, signal));
      } catch (error) {
        signal.throwIfAborted();
        if (!mayPass(error) || performance.now() >= giveUpAt) throw error;
      }
      // Outside its turn: a release that waits for the network must not keep others from loading.
      await backOff.wait(signal);
    }
  }

  async #loadOnce(release: DesiredRelease, granted: LoadOptions, signal: AbortSignal): Promise<LoadedModule> {
    const { cache, origin } = this.#options;
    const path = await cache.ensure(release, origin, signal);
    try {
      return await this.#open(release, path, granted);
    } catch (error) {
      if (!isHotSwapError(error, 'HS_RUNTIME_DIGEST_MISMATCH')) throw error;
      // The file was damaged after it had been verified: once more from the origin.
      await cache.discard(release.digest);
      return this.#open(release, await cache.ensure(release, origin, signal), granted);
    }
  }

  #open(release: DesiredRelease, path: string, granted: LoadOptions): Promise<LoadedModule> {
    const { runtime, quarantine, times } = this.#options;
    return quarantine.watch(release.releaseId, () =>
      times.measure(() => runtime.load({ path, digest: release.digest }, granted)),
    );
  }

  #granted(release: DesiredRelease): LoadOptions {
    const { grants, runtime } = this.#options;
    checkRuntimeFit(release, runtime.name, runtime.capabilities);
    const network = grantedNetwork(release, grants);
    return {
      limits: release.resourceLimits,
      runtime: release.runtime,
      wasi: grantedPolicy(release, grants),
      ...(network === undefined ? {} : { network }),
    };
  }

  async #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#options.concurrency) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
