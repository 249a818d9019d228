import type { HotSwapClient } from '@hotswap/protocol';
import type { Terminal } from './output/terminal.ts';

/** What every command works with. @internal */
export interface CommandSession {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Connects at the first call, so that usage errors do not need a server. */
  client(): Promise<HotSwapClient>;
  /** What the process ends with unless the command throws. */
  setExitCode(code: number): void;
}

/** Gives a command's action its session; resolved once global options are read. @internal */
export type SessionOf = () => CommandSession;
