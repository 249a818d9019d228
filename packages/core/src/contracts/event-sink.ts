import type { Json } from '../model/json.ts';

/** Something that happened and that screens, streams and counters may want to know. @public */
export interface HotSwapEvent {
  /** Dotted, e.g. `deployment.moved`, `node.connected`, `route.changed`. */
  readonly topic: string;
  readonly tenant: string;
  /** Id of what it is about. */
  readonly subject: string;
  readonly facts?: Json;
}

/**
 * In-process events, best effort: nothing depends on one arriving.
 * @public
 */
export interface EventSink {
  emit(event: HotSwapEvent): void;
}
