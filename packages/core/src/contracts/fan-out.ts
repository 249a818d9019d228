/**
 * Messages between the servers of one installation, best effort: nothing depends on one arriving, and whoever gets one
 * looks at the database for what is true.
 * @public
 */
export interface FanOut extends AsyncDisposable {
  /** Sends to every other server that listens now. Never throws, never waits. */
  publish(message: string): void;
  /** Calls the handler, which must not throw, with each message of others until the returned function is called. */
  subscribe(handler: (message: string) => void): () => void;
}
