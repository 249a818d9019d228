import type { Principal } from '../auth/principal.ts';
import type { FunctionCaller, LiveUse } from '../ports/interface-store.ts';

/** So much is remembered between two flushes; a caller who is passed over is met again. */
const maxEntries = 5_000;
const flushMs = 5_000;
/** A caller is written again after that time at the earliest. */
const refreshMs = 600_000;

/**
 * Remembers who calls which function, so that a new version can be told whom it would break. Calls are the hot path:
 * noting one is a look into maps, and the database hears of a caller every ten minutes.
 * @internal
 */
export class CallerLedger {
  readonly #use: Pick<LiveUse, 'noteCallers'>;
  readonly #onError: (error: unknown) => void;
  #known = new WeakMap<Principal, Map<string, Set<string>>>();
  #pending: FunctionCaller[] = [];
  #keys = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #refreshedAt = performance.now();

  constructor(use: Pick<LiveUse, 'noteCallers'>, onError: (error: unknown) => void) {
    this.#use = use;
    this.#onError = onError;
  }

  note(caller: Principal, moduleName: string, functionName: string): void {
    const functions = this.#known.get(caller)?.get(moduleName);
    if (functions?.has(functionName) === true) return;
    this.#add(caller, moduleName, functionName, functions);
  }

  /** Writes what is not written yet. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pending = this.#pending;
    this.#pending = [];
    this.#keys = new Set();
    if (performance.now() - this.#refreshedAt > refreshMs) {
      this.#refreshedAt = performance.now();
      this.#known = new WeakMap();
    }
    await this.#use.noteCallers(pending);
  }

  /** Writes the rest and ends. */
  async stop(): Promise<void> {
    await this.flush();
  }

  #add(caller: Principal, moduleName: string, functionName: string, functions: Set<string> | undefined): void {
    const { tenant, subject } = caller;
    const key = JSON.stringify([tenant, moduleName, functionName, subject]);
    if (this.#pending.length >= maxEntries || functionName.length > 500) return;
    if (functions !== undefined) functions.add(functionName);
    else this.#modulesOf(caller).set(moduleName, new Set([functionName]));
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    this.#pending.push({ tenant, moduleName, functionName, subject });
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.flush().catch(this.#onError), flushMs);
    this.#timer.unref();
  }

  #modulesOf(caller: Principal): Map<string, Set<string>> {
    const known = this.#known.get(caller);
    if (known !== undefined) return known;
    const modules = new Map<string, Set<string>>();
    this.#known.set(caller, modules);
    return modules;
  }
}
