/**
 * A hint that something has changed. It says where to look, not what is there: whoever gets one reads the database.
 * @public
 */
export type ChangeHint =
  /** Desired state of nodes: all targets of a deployment, or one node. */
  | { readonly topic: 'desired'; readonly tenant: string; readonly deploymentId: string }
  | { readonly topic: 'desired'; readonly tenant: string; readonly nodeId: string }
  /** A stream of desired state was opened for the node: older ones, on whatever servers, are to end. */
  | { readonly topic: 'stream'; readonly tenant: string; readonly nodeId: string; readonly epoch: number }
  | { readonly topic: 'route'; readonly tenant: string; readonly moduleName: string }
  | { readonly topic: 'deployment'; readonly tenant: string; readonly deploymentId: string }
  /** A message of the outbox has been taken for delivery. */
  | { readonly topic: 'message'; readonly tenant: string; readonly messageId: number }
  /** There are entries in the event log that were not there before. */
  | { readonly topic: 'events' }
  /** Somebody may no longer be let in: forget what is remembered of tokens. */
  | { readonly topic: 'access' }
  /** Hints may have been missed (the connection was away): look at everything. */
  | { readonly topic: 'resync' };

/** Channel of `pg_notify` that hints are sent on. @internal */
export const changeChannel = 'hotswap_changes';

/**
 * Tells subscribers of this process what transactions have changed, right after their commit. Best effort: while there
 * is no connection a `resync` comes every two seconds, and one as soon as it is back.
 * @public
 */
export class ChangeFeed {
  readonly #subscribers = new Set<(hint: ChangeHint) => void>();

  /** Calls the handler with each hint until the returned function is called. The handler must not throw. */
  subscribe(handler: (hint: ChangeHint) => void): () => void {
    this.#subscribers.add(handler);
    return () => void this.#subscribers.delete(handler);
  }

  /** @internal */
  publish(hint: ChangeHint): void {
    for (const handler of this.#subscribers) handler(hint);
  }

  /** Publishes a payload of the channel; one that is no hint is passed over. @internal */
  publishText(payload: string): void {
    const hint = parseHint(payload);
    if (hint !== null) this.publish(hint);
  }
}

function parseHint(payload: string): ChangeHint | null {
  try {
    const hint = JSON.parse(payload) as Partial<ChangeHint> | null;
    return typeof hint?.topic === 'string' ? (hint as ChangeHint) : null;
  } catch {
    return null;
  }
}
