import type {
  CallOptions,
  CallResult,
  CommandOptions,
  CommandResult,
  LoadedModule,
  WitValue,
} from './loaded-module.ts';

/** Which versions a slot serves. @public */
export interface SlotAssignment {
  /** By release id; a request may be pinned to any of them. Weights are relative; 0 = warm only. */
  readonly versions: ReadonlyMap<string, { readonly module: LoadedModule; readonly weight: number }>;
}

/** @public */
export interface SlotCall extends CallOptions {
  /** Serve this version or fail with HS_RUNTIME_NO_VERSION. Absent: chosen by weight. */
  readonly version?: string;
  /** Requests with one key get one version; as a weight grows a key never flips back. */
  readonly stickyKey?: string;
}

/** @public */
export interface SlotResult<R> {
  readonly version: string;
  readonly result: R;
}

/**
 * The hot swap itself: named slots whose versions are replaced in one atomic step. A request keeps the version that it
 * was admitted with until it ends.
 * @public
 */
export interface SlotTable {
  set(name: string, assignment: SlotAssignment): void;
  remove(name: string): void;
  /** @throws HS_RUNTIME_NO_SLOT, HS_RUNTIME_NO_VERSION and the codes of {@link LoadedModule.invoke} */
  invoke(name: string, fn: string, args: readonly WitValue[], call?: SlotCall): Promise<SlotResult<CallResult>>;
  run(name: string, options: CommandOptions & SlotCall): Promise<SlotResult<CommandResult>>;
  /**
   * Resolves when no request holds the module any more, or cuts what is left at the deadline. `Infinity`: when all calls have
   * ended by their own limits.
   */
  drain(module: LoadedModule, deadlineMs: number): Promise<{ readonly finished: number; readonly cut: number }>;
}
