/**
 * Receives `NOTIFY` messages.
 * @internal
 */
export interface Notifications extends AsyncDisposable {
  /**
   * Calls back with each payload of the channel. `onGap` is called after every (re)connection and repeatedly while there
   * is none: what was sent meanwhile is lost.
   */
  listen(channel: string, onPayload: (payload: string) => void, onGap: () => void): Promise<{ close(): Promise<void> }>;
}
