import type { HotSwapError } from '@hotswap/core';
import type { ChildFailure } from './child-messages.ts';
import type { UnheardEnds } from './unheard-ends.ts';

/**
 * How a child of an engine is started.
 * @public
 */
export interface EngineLaunch {
  /** Name of the engine, for errors. */
  readonly engine: string;
  /** Program and leading arguments. */
  readonly command: readonly string[];
  /** Environment of the program; nothing else of this process's environment reaches it. Default: empty. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Writable memory of one child, guests and compiler together (Linux). Beyond it the child ends. */
  readonly maxProcessMemoryBytes: number;
  /** Makes an error of a code that only this engine has; `undefined` for all others. */
  readonly ownError?: (failure: ChildFailure) => HotSwapError | undefined;
}

/** How the children of one host are started, and who is told of their ends. @internal */
export interface HostLaunch extends EngineLaunch {
  readonly unheardEnds: UnheardEnds;
}
