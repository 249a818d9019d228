import type { HotSwapEvent } from '@hotswap/core';

/** An event before it is written down. @internal */
export interface NewEvent extends HotSwapEvent {
  /** Of several with the same one only the first is kept. */
  readonly once?: string;
}

/** An event and its place in the order of all. @internal */
export interface LoggedEvent extends HotSwapEvent {
  readonly position: number;
}

/** Events of one moment, and what the log held then. @internal */
export interface EventLogPage {
  /** In order; as many as the limit when there may be more. */
  readonly events: readonly LoggedEvent[];
  /** Whoever has only seen positions before the one before this may have missed some. */
  readonly keptFrom: number;
  /** Last position that has been given. */
  readonly last: number;
}

/** Events of all servers on one database, in one order. @internal */
export interface EventLog {
  append(events: readonly NewEvent[]): Promise<void>;
  /** Gives positions to what was written before: to be called before reading the end. */
  order(): Promise<void>;
  read(query: {
    /** Default: those of all tenants. */
    readonly tenant?: string;
    /** A topic and those below it. */
    readonly topic?: string;
    readonly after: number;
    readonly upTo?: number;
    readonly limit: number;
  }): Promise<EventLogPage>;
}
