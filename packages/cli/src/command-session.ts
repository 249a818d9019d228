import type { Writable } from 'node:stream';
import type { RuntimeHost } from '@hotswap/core';
import type { HotSwapClient } from '@hotswap/protocol';
import type { Terminal } from './output/terminal.ts';

/** What every command works with. @internal */
export interface CommandSession {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  /** For what is no result of ours, such as the output of a guest. */
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether a guest may take over the standard streams of the process. */
  readonly ownsProcess: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Connects at the first call, so that usage errors do not need a server. */
  client(): Promise<HotSwapClient>;
  /** A token came with the command or its environment: what `hotswap login` left is not used. */
  readonly isTokenGiven: boolean;
  /** Address of that server. */
  server(): Promise<string>;
  /** Opens the runtime that modules are run on here. */
  openRuntime(experimental?: readonly string[]): Promise<RuntimeHost>;
  /** What the process ends with unless the command throws. */
  setExitCode(code: number): void;
}

/** Gives a command's action its session; resolved once global options are read. @internal */
export type SessionOf = () => CommandSession;
