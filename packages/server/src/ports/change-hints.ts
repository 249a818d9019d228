/** A hint that something has changed: it says where to look. @internal */
export type ChangeHint =
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
  /** Hints may have been missed: look at everything. */
  | { readonly topic: 'resync' };

/** Hints of all servers on one database, right after commits. @internal */
export interface ChangeHints {
  /** Calls the handler, which must not throw, until the returned function is called. */
  subscribe(handler: (hint: ChangeHint) => void): () => void;
}
