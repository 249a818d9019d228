/** Keeps a proxy in front of the fleet to the live routes. @internal */
export interface ProxyRouter {
  /** Kind of proxy, for messages. */
  readonly name: string;
  /** Whether it copies requests to mirrors. Those that come through one that does not are never compared. */
  readonly canMirror: boolean;
  /** Brings the proxy to the routes as they are and follows them; a proxy that is away is tried again and again. */
  start(): Promise<void>;
  /** Stops following; the proxy goes on with what it was told last. */
  stop(): Promise<void>;
}
