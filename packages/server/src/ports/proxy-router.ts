/** Keeps a proxy in front of the fleet to the live routes. @internal */
export interface ProxyRouter {
  /** Brings the proxy to the routes as they are and follows them; a proxy that is away is tried again and again. */
  start(): Promise<void>;
  /** Stops following; the proxy goes on with what it was told last. */
  stop(): Promise<void>;
}
