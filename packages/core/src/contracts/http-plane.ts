import type { LatencySketch } from '../model/latency-sketch.ts';
import type { HttpAffinity } from '../model/module.ts';
import type { SlotTable } from './slot-table.ts';

/** Name and value of a header as they were sent; names are compared without case. @public */
export type HttpHeader = readonly [name: string, value: string];

/**
 * Which requests go where.
 * @public
 */
export interface HttpRoute {
  /** Slot that answers; `null`: the fallback handler. */
  readonly slot: string | null;
  /** As {@link ModuleHttp.hosts}: lower case, no port, `*.example.org`; empty: any host. An exact name wins over a pattern. */
  readonly hosts: readonly string[];
  /** Whole segments; the longest that fits wins. */
  readonly pathPrefix: string;
  /** Whether the guest sees only the rest of the path, beginning with `/`. */
  readonly stripPrefix: boolean;
  /** `authorized`: only requests that {@link HttpPlaneOptions.authorize} lets in. */
  readonly access: 'public' | 'authorized';
  readonly affinity: HttpAffinity;
  /** What is absent follows the listener's limits. */
  readonly limits?: { readonly maxBodyBytes?: number; readonly timeoutMs?: number; readonly maxInFlight?: number };
}

/** A request without its body. @public */
export interface HttpRequestHead {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  readonly headers: readonly HttpHeader[];
  readonly remoteAddress: string;
}

/** A request that JavaScript answers. @public */
export interface HttpFallbackRequest extends HttpRequestHead {
  /** Read with back-pressure; left unread it is thrown away after the answer. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
}

/** @public */
export interface HttpFallbackResponse {
  readonly status: number;
  readonly headers?: readonly HttpHeader[];
  /** Absent: none. An iterable is read as fast as the client takes it. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
}

/** One answered request. @public */
export interface HttpAccessRecord {
  /** When it was admitted, as Unix milliseconds. */
  readonly at: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  readonly responseBytes: number;
  /** Absent: no slot answered. */
  readonly slot?: string;
  readonly version?: string;
}

/** What a module wrote to one of its standard streams while it answered one request. @public */
export interface HttpOutputRecord {
  /** When the request's guest ended, as Unix milliseconds. */
  readonly at: number;
  readonly slot: string;
  readonly version: string;
  /** A command that speaks CGI answers on `stdout`: of it there is `stderr` only. */
  readonly stream: 'stdout' | 'stderr';
  /** Without line ends, each cut to 2,000 bytes, with control characters and what turns the direction of writing escaped. */
  readonly lines: readonly string[];
  /** Bytes beyond the module's limits of output and log rate, beyond 64 KiB, or beyond what waits for a slow receiver (1 MiB). */
  readonly droppedBytes: number;
}

/** @public */
export interface HttpPlaneOptions {
  readonly slots: SlotTable;
  /** Answers routes without a slot and requests without a route. Absent: 404 as problem+json. */
  readonly fallback?: (request: HttpFallbackRequest) => Promise<HttpFallbackResponse>;
  /**
   * Asked once for each unknown `authorization` value of an `authorized` route; the answer is kept until `validUntil`
   * (Unix milliseconds). `null`: 401. Absent: `authorized` routes answer 401.
   */
  readonly authorize?: (head: HttpRequestHead) => Promise<{ readonly validUntil: number } | null>;
  /** Given batches of what was answered; sampled, lossy, with {@link HttpPlaneStats.accessDropped} counting the loss. */
  readonly onAccess?: (records: readonly HttpAccessRecord[]) => void;
  /** Given batches of what modules wrote to their standard streams, a quarter of a second late at most. Absent: it is lost. */
  readonly onOutput?: (records: readonly HttpOutputRecord[]) => void;
}

/** Certificate and key of a listener. @public */
export interface HttpCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** Names it is shown for; absent: those that no other certificate names. */
  readonly serverNames?: readonly string[];
}

/** What a listener holds and waits for at most. @public */
export interface HttpLimits {
  /** Open connections; more wait in the system's queue. Default 10,000. */
  readonly maxConnections: number;
  /** Requests at one time; more are answered 503 with `Retry-After`. Default 5,000. */
  readonly maxInFlight: number;
  /** Default 16,384; above it 431. */
  readonly maxHeaderBytes: number;
  /** Default 8,192; above it 414. */
  readonly maxUriBytes: number;
  /** Default 10,485,760; above it 413. */
  readonly maxBodyBytes: number;
  /** Time to send the whole head. Default 10,000. */
  readonly headerTimeoutMs: number;
  /** Time between two pieces of a body. Default 30,000. */
  readonly bodyIdleTimeoutMs: number;
  /** Time between two requests of a connection. Default 75,000. */
  readonly keepAliveTimeoutMs: number;
}

/** What every limit of a listener is when nobody sets it. @public */
export const defaultHttpLimits: HttpLimits = {
  maxConnections: 10_000,
  maxInFlight: 5_000,
  maxHeaderBytes: 16_384,
  maxUriBytes: 8_192,
  maxBodyBytes: 10_485_760,
  headerTimeoutMs: 10_000,
  bodyIdleTimeoutMs: 30_000,
  keepAliveTimeoutMs: 75_000,
};

/** @public */
export interface HttpListenOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: any free port, told by {@link HttpListener.port}. */
  readonly port?: number;
  /** Several processes listen on one port. Default `false`. */
  readonly reusePort?: boolean;
  /** Absent or empty: plain HTTP/1.1 and HTTP/2 with prior knowledge. */
  readonly tls?: readonly HttpCertificate[];
  /** What is absent follows {@link defaultHttpLimits}. */
  readonly limits?: Partial<HttpLimits>;
  /**
   * IP addresses, and networks such as `10.0.0.0/8`, of proxies whose requests on public routes get the version that their
   * header `x-hotswap-version` names, where the slot holds it. Default none: the header is then nobody's.
   */
  readonly trustedProxies?: readonly string[];
}

/** How much of the work in flight ended by itself until a deadline, and how much was cut. @public */
export interface HttpDrain {
  readonly finished: number;
  readonly cut: number;
}

/** @public */
export interface HttpListener extends AsyncDisposable {
  readonly port: number;
  /** Replaces all routes in one atomic step; requests that are under way keep theirs. */
  setRoutes(routes: readonly HttpRoute[]): void;
  /** Replaces all certificates; open connections keep theirs. */
  setCertificates(tls: readonly HttpCertificate[]): void;
  /** Takes no more connections, lets requests end, cuts what is left at the deadline. */
  close(deadlineMs: number): Promise<HttpDrain>;
}

/** Counters of one version of a slot since the plane was created. @public */
export interface HttpVersionStats {
  readonly slot: string;
  readonly version: string;
  readonly requests: number;
  readonly inFlight: number;
  readonly status2xx: number;
  readonly status3xx: number;
  readonly status4xx: number;
  readonly status5xx: number;
  /** Ended by their time limit. */
  readonly timeouts: number;
  /** Ended by a guest's trap. */
  readonly traps: number;
  /** Answers that broke off after their head, and those cut by a drain. */
  readonly cut: number;
  readonly latency: LatencySketch;
  readonly latencySumMs: number;
  readonly latencySumSquaresMs2: number;
}

/** Counters since the plane was created. @public */
export interface HttpPlaneStats {
  readonly connections: number;
  readonly inFlight: number;
  readonly requests: number;
  /** Answered 503 because too much was under way. */
  readonly refused: number;
  readonly timeouts: number;
  readonly cut: number;
  /** Access records that were lost because nobody took them in time. */
  readonly accessDropped: number;
  readonly versions: readonly HttpVersionStats[];
}

/**
 * Listeners that answer HTTP requests from the slots of a table: version and weight are chosen when a request is
 * admitted, and a swap of the slot drops none.
 * @public
 */
export interface HttpPlane extends AsyncDisposable {
  /** @throws HS_RUNTIME_LISTEN_FAILED (address in use, no permission), HS_RUNTIME_INVALID_ARGUMENT (certificate) */
  listen(options: HttpListenOptions): Promise<HttpListener>;
  stats(): HttpPlaneStats;
  /** Closes every listener. */
  close(deadlineMs: number): Promise<HttpDrain>;
}
