import type { Failpoint, RuntimeHost, Strategy } from '@hotswap/core';
import type { DatabaseOptions } from '@hotswap/state-postgres';

/** Parts that differ between a program and a test. @public */
export interface ServerOverrides {
  /** Looks at uploaded modules. Default: Wasmtime without a cache of compiled code. */
  readonly runtime?: Pick<RuntimeHost, 'inspect'> & Partial<AsyncDisposable>;
  /** Default: the URL of the configuration, else PGlite in its data directory. */
  readonly database?: DatabaseOptions;
  /** Further strategies, beside those of plugins. */
  readonly strategies?: readonly Strategy<unknown>[];
  /** Called at named moments of engine and journal; for fault tests. Default: does nothing. */
  readonly failpoint?: Failpoint;
  /** Checks every answer against its schema. Default `false`. */
  readonly checksAnswers?: boolean;
  /** Time between two readings of rollback triggers. Default as in the engine. */
  readonly triggerIntervalMs?: number;
  /** When silent nodes are noted, and how often that is looked at. Default after two minutes, each five seconds. */
  readonly nodeWatch?: { readonly unhealthyAfterMs: number; readonly lookMs: number };
}
