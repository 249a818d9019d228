import type { HttpVersionStats } from '@hotswap/core';
import type { HttpModule } from './http-routes.ts';

/**
 * The node's ports: brings requests to the modules and to the node's own answers.
 * @internal
 */
export interface NodeFront {
  /** Opens the port for the server's calls. @returns the port */
  listen(host: string, port: number): Promise<number>;
  /** What is reached by HTTP from now on, in one step. */
  publish(modules: readonly HttpModule[]): void;
  /** Counters of requests that modules answered without this thread. */
  versionStats(): readonly HttpVersionStats[];
  /** Takes no new requests, waits for those in work, then cuts what is left at the deadline. */
  close(deadlineMs: number): Promise<void>;
}
