import type { IncomingHttpHeaders } from 'node:http';
import { invokeHeaders, readProblem } from '@hotswap/protocol';
import {
  defaultHttpLimits,
  type MirrorBoard,
  type ModuleHttp,
  type RevisionBoard,
  type Route,
  type RouteSource,
  type RouteTarget,
  type TraceSpan,
  type TrafficRouter,
} from '@hotswap/core';
import { gatewayError } from './error-codes.ts';
import { HttpForwarder, type HttpForward, type HttpForwardStats } from './http-forwarder.ts';
import { InvokeTokenSigner, type SignInvokeToken } from './invoke-token-signer.ts';
import { NodeCallFailure, NodeConnections, type NodeReply } from './node-connections.ts';
import { pairOf, RouteSearch } from './route-search.ts';
import type { MirrorStats } from './mirror-counts.ts';
import { mirrorBodyBytes, RequestMirror, type AnsweredRequest } from './request-mirror.ts';
import { RouteTable } from './route-table.ts';
import { tracedAttempt } from './traced-attempt.ts';

/** What a gateway is made of. @public */
export interface GatewayOptions {
  readonly source: RouteSource;
  readonly board: RevisionBoard;
  /** Where it says what came of copied requests. Absent: it copies none. */
  readonly mirrors?: MirrorBoard;
  /** Signs tokens that nodes admit calls by: EdDSA, `aud` = node id. */
  readonly signToken: SignInvokeToken;
  /** Unique among gateways that live at one time. */
  readonly instanceId: string;
  /** Longest time that a call may take when it names none. Default 65,000: above the longest time limit of modules. */
  readonly callTimeoutMs?: number;
  /** How long a call that no node has taken yet looks for one. Default 3,000. */
  readonly searchMs?: number;
  /** Longest silence within the body of a forwarded answer. Default 120,000. */
  readonly bodyIdleTimeoutMs?: number;
  /** Largest body of a forwarded request. Default 10,485,760. */
  readonly maxBodyBytes?: number;
  /** Forwarded requests at one time; more are refused. Default 5,000. */
  readonly maxInFlight?: number;
  /** Called after new revisions are in force and acknowledged, e.g. to look at rollouts that wait for it. */
  readonly onServed?: (routes: readonly Route[]) => void;
  /** Called with failures of background work. Default: they are passed over, since each is tried again. */
  readonly onError?: (error: unknown) => void;
}

/** A call of a function. @public */
export interface GatewayCall {
  readonly tenant: string;
  readonly moduleName: string;
  readonly functionName: string;
  /** JSON of an `InvokeRequest`, passed on as it is. */
  readonly body: Buffer | string;
  readonly requestId: string;
  readonly stickyKey?: string | undefined;
  /** Headers of the caller's request, for routes that bring some calls to a release. Default none. */
  readonly headers?: IncomingHttpHeaders | undefined;
  /** A version, module id or release id that it has to be. */
  readonly version?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** The call's own span. Absent: it is not traced. */
  readonly span?: TraceSpan | undefined;
  /** Takes the function that gives the call up, for when the caller leaves. */
  readonly onCancel?: ((cancel: () => void) => void) | undefined;
}

/** What a node answered: an `InvokeAnswer` as JSON text for 200, a problem document otherwise. @public */
export interface GatewayReply {
  readonly nodeId: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

const defaultSearchMs = 3_000;
const noMirrors: MirrorStats = { equal: 0, different: 0, failed: 0, skipped: 0 };
const defaultCallTimeoutMs = 65_000;

/**
 * Sends calls of functions, and HTTP requests of modules, to nodes by the live routes. A call is sent to another node only when the first one has
 * certainly not run it: no connection, nothing sent, release not there, or the node stops.
 * @public
 */
export class Gateway implements TrafficRouter {
  readonly name = 'gateway';
  readonly spansNodes = true;
  /** Whether it was given somewhere to report mirrors to. */
  readonly canMirror: boolean;
  readonly #options: GatewayOptions;
  readonly #table: RouteTable;
  readonly #tokens: InvokeTokenSigner;
  readonly #nodes = new NodeConnections();
  readonly #search: RouteSearch;
  readonly #http: HttpForwarder;
  readonly #mirror: RequestMirror | undefined;
  readonly #paths = new Map<string, string>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#tokens = new InvokeTokenSigner(options.signToken);
    this.#table = new RouteTable({
      source: options.source,
      board: options.board,
      instanceId: options.instanceId,
      onError: options.onError,
      onServed: (routes) => {
        this.#nodes.keepOnly(this.#table.origins());
        this.#mirror?.follow(this.#table.plans());
        options.onServed?.(routes);
      },
    });
    this.#search = new RouteSearch(this.#table, this.#nodes);
    const { instanceId, mirrors, onError } = options;
    this.canMirror = mirrors !== undefined;
    this.#mirror =
      mirrors && new RequestMirror({ board: mirrors, instanceId, onError, tokens: this.#tokens, random: Math.random });
    this.#http = new HttpForwarder({
      search: this.#search,
      nodes: this.#nodes,
      tokens: this.#tokens,
      mirror: this.#mirror,
      planOf: (tenant, moduleName) => this.#table.plan(tenant, moduleName),
      searchMs: options.searchMs ?? defaultSearchMs,
      headTimeoutMs: (options.callTimeoutMs ?? defaultCallTimeoutMs) + 1_000,
      bodyIdleTimeoutMs: options.bodyIdleTimeoutMs ?? 120_000,
      maxBodyBytes: options.maxBodyBytes ?? defaultHttpLimits.maxBodyBytes,
      maxInFlight: options.maxInFlight ?? defaultHttpLimits.maxInFlight,
      httpOf: (tenant, moduleName) => this.knownHttp(tenant, moduleName),
    });
  }

  /** Reads the routes; calls are taken from then on. */
  async start(): Promise<void> {
    await this.#table.start();
    this.#mirror?.start();
  }

  /** Leaves the board and closes connections once their calls have ended. */
  async stop(): Promise<void> {
    await this.#table.stop();
    await this.#mirror?.stop();
    await this.#nodes.close();
  }

  servedRevision(tenant: string, moduleName: string): Promise<number | null> {
    return this.#options.board.servedRevision(tenant, moduleName);
  }

  /**
   * Sends a call to a node and brings back its answer, whatever its status.
   * @throws HS_ROUTE_NOT_FOUND, HS_ROUTE_VERSION_NOT_SERVED, HS_ROUTE_NO_NODE, HS_ROUTE_NODE_LOST, HS_ROUTE_TIMEOUT
   */
  async invoke(call: GatewayCall): Promise<GatewayReply> {
    const mirrors =
      call.version === undefined ? this.#mirror?.sample(this.#table.plan(call.tenant, call.moduleName)) : undefined;
    if (mirrors === undefined) return this.#deliver(call);
    const beganAt = performance.now();
    const reply = await this.#deliver(call);
    this.#mirror?.offer(mirrors, this.#answered(call, reply, performance.now() - beganAt));
    return reply;
  }

  #answered(call: GatewayCall, reply: GatewayReply, tookMs: number): AnsweredRequest {
    const { moduleName, functionName, body } = call;
    const headers = ['content-type', 'application/json', invokeHeaders.requestId, call.requestId];
    if (call.stickyKey !== undefined) headers.push(invokeHeaders.sticky, call.stickyKey);
    if (call.timeoutMs !== undefined) headers.push(invokeHeaders.timeoutMs, String(call.timeoutMs));
    const { status, contentType } = reply;
    const isSmall = reply.body.byteLength <= mirrorBodyBytes;
    return {
      ...{ moduleName, headers, body, tookMs, isFunction: true, method: 'POST', pin: invokeHeaders.release },
      call: functionName,
      path: this.#path(call),
      answer: isSmall ? { status, headers: { 'content-type': contentType }, body: reply.body } : undefined,
    };
  }

  async #deliver(call: GatewayCall): Promise<GatewayReply> {
    const tried = new Set<string>();
    let deadline = 0;
    for (;;) {
      const target = this.#search.choose(call, tried);
      const attempt = target && (await this.#traced(call, target));
      if (attempt && 'reply' in attempt) return attempt.reply;
      deadline ||= performance.now() + Math.min(this.#options.searchMs ?? defaultSearchMs, call.timeoutMs ?? Infinity);
      if (attempt) tried.add(attempt.refusedBy);
      await this.#search.lookAgain(call, {
        hadTarget: target !== null,
        tried,
        deadline,
        why: attempt?.why ?? 'none is reachable',
      });
    }
  }

  /**
   * How a module is reached by HTTP now; `null`: not at all, or there is no such module. While releases differ it is
   * `public` only when all of them are.
   */
  async http(tenant: string, moduleName: string): Promise<ModuleHttp | null> {
    const plan = this.#table.plan(tenant, moduleName);
    if (plan) return plan.http;
    if (!this.#table.isKnownMiss(tenant, moduleName)) await this.#table.refresh(tenant, moduleName);
    return this.#table.plan(tenant, moduleName)?.http ?? null;
  }

  /** The same as far as this process knows, without asking the source: for callers that nobody vouches for. */
  knownHttp(tenant: string, moduleName: string): ModuleHttp | null {
    return this.#table.plan(tenant, moduleName)?.http ?? null;
  }

  /**
   * Whether the node at the address answered when it was last asked, as far as this process knows. While it did not, calls
   * go to others: one tries it every five seconds at most, and goes on to another when it fails.
   */
  canReach(dataPlaneUrl: string): boolean {
    return this.#nodes.isReached(dataPlaneUrl);
  }

  /**
   * Sends an HTTP request to a node that serves the module and streams its answer back. Resolves when the answer has
   * ended, cut or whole; a failure before the head of an answer is thrown.
   * @throws HS_ROUTE_NOT_FOUND, HS_ROUTE_VERSION_NOT_SERVED, HS_ROUTE_NO_NODE, HS_ROUTE_NODE_LOST, HS_ROUTE_TIMEOUT,
   * HS_ROUTE_OVERLOADED, HS_ROUTE_BODY_TOO_LARGE
   */
  forward(call: HttpForward): Promise<void> {
    return this.#http.forward(call);
  }

  /** Waits for forwarded requests, then cuts what is left. @returns how many were cut */
  drainHttp(deadlineMs: number): Promise<number> {
    return this.#http.drain(deadlineMs);
  }

  httpStats(): HttpForwardStats {
    return this.#http.stats();
  }

  /** Requests that were chosen for copying since the start; all 0 without mirrors. */
  mirrorStats(): MirrorStats {
    return this.#mirror?.stats() ?? noMirrors;
  }

  #traced(call: GatewayCall, target: RouteTarget): Promise<Attempt> {
    return tracedAttempt(
      call.span,
      target,
      (traceparent) => this.#attempt(call, target, traceparent),
      (attempt) => ('reply' in attempt ? failureOf(attempt.reply.status) : attempt.why),
    );
  }

  /** Sends once. `refusedBy`: it has certainly not run there and may be sent elsewhere. */
  async #attempt(call: GatewayCall, target: RouteTarget, traceparent: string | undefined): Promise<Attempt> {
    const timeoutMs = (call.timeoutMs ?? this.#options.callTimeoutMs ?? defaultCallTimeoutMs) + 1_000;
    const node = { tenant: call.tenant, nodeId: target.nodeId };
    const kept = this.#tokens.headerFor(node);
    const authorization = typeof kept === 'string' ? kept : await kept;
    const headers: Record<string, string> = {
      authorization,
      'content-type': 'application/json',
      [invokeHeaders.release]: target.releaseId,
      [invokeHeaders.requestId]: call.requestId,
    };
    if (call.stickyKey !== undefined) headers[invokeHeaders.sticky] = call.stickyKey;
    if (call.timeoutMs !== undefined) headers[invokeHeaders.timeoutMs] = String(call.timeoutMs);
    if (traceparent !== undefined) headers[invokeHeaders.traceparent] = traceparent;
    let reply: NodeReply;
    try {
      reply = await this.#nodes.send(target.dataPlaneUrl, {
        path: this.#path(call),
        headers,
        body: call.body,
        timeoutMs,
        onCancel: call.onCancel,
      });
    } catch (failure) {
      if (!(failure instanceof NodeCallFailure)) throw failure;
      if (!failure.wasSent) return { refusedBy: pairOf(target), why: failure.why };
      const { nodeId } = target;
      throw failure.kind === 'timeout'
        ? gatewayError('HS_ROUTE_TIMEOUT', { nodeId, timeoutMs })
        : gatewayError('HS_ROUTE_NODE_LOST', { nodeId, why: failure.why });
    }
    const refusal = reply.status < 400 ? null : refusalOf(reply);
    if (refusal === null) return { reply: { nodeId: target.nodeId, ...reply } };
    if (reply.status === 401) this.#tokens.forget(node);
    return { refusedBy: pairOf(target), why: refusal };
  }

  #path({ moduleName, functionName }: GatewayCall): string {
    const key = `${moduleName}\n${functionName}`;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    if (this.#paths.size >= 5_000) this.#paths.clear();
    const path = `/invoke/${encodeURIComponent(moduleName)}/${encodeURIComponent(functionName)}`;
    this.#paths.set(key, path);
    return path;
  }
}

type Attempt = { readonly reply: GatewayReply } | { readonly refusedBy: string; readonly why: string };

const failureOf = (status: number): string | undefined => (status >= 500 ? `status ${status}` : undefined);

/** Why a node has certainly not run the call; `null` when it may have, or when another node would say the same. */
function refusalOf({ status, body }: NodeReply): string | null {
  if (status !== 421 && status !== 401 && status !== 503) return null;
  let code = '';
  try {
    code = readProblem(JSON.parse(body.toString('utf8')))?.code ?? '';
  } catch {
    // Not from a node of ours: the status alone decides.
  }
  if (status === 503 && code !== 'HS_AGENT_STOPPING') return null;
  return code === '' ? `status ${status}` : code;
}
