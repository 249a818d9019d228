/**
 * One node: serves what it applied last, then keeps to what the server wishes.
 * @public
 */
export interface RunningAgent extends AsyncDisposable {
  /** Where the gateway reaches this node; empty before `start`. */
  readonly dataPlaneUrl: string;
  /** Port of the data plane; 0 before `start`. */
  readonly port: number;
  /** Resolves with the reason when the node must not go on: another agent took over, or it was never let in. */
  readonly ended: Promise<Error>;
  /**
   * Serves the last applied state from disk, opens the data plane, then turns to the server. Resolves when the data plane
   * answers; the server need not be there.
   */
  start(): Promise<void>;
  /** Finishes requests in work, then gives everything back. Safe to call more than once. */
  stop(): Promise<void>;
}
