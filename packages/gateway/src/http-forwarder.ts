import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { ModuleHttp, RouteMirror, RouteTarget, TraceSpan } from '@hotswap/core';
import { AnswerTap } from './answer-tap.ts';
import type { RoutePlan } from './choose-target.ts';
import { gatewayError } from './error-codes.ts';
import { clientLeft, ForwardReply, type ForwardEnd } from './forward-reply.ts';
import { requestHeaders } from './forwarded-headers.ts';
import type { InvokeTokenSigner } from './invoke-token-signer.ts';
import type { NodeConnections } from './node-connections.ts';
import { announcesBody, ReplayableBody } from './replayable-body.ts';
import { mirrorBodyBytes, type RequestMirror } from './request-mirror.ts';
import { pairOf, type RouteSearch, type SearchAsk } from './route-search.ts';
import { stickyKeyOf } from './sticky-key.ts';
import { setTraceparent, tracedAttempt } from './traced-attempt.ts';

/** A request for a module's own HTTP handler. @public */
export interface HttpForward {
  readonly tenant: string;
  readonly moduleName: string;
  /** What the module sees: path and query, beginning with `/`. */
  readonly url: string;
  /** Path that stands before it on this server. */
  readonly prefix: string;
  /** Its body must not have been read. */
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly scheme: 'http' | 'https';
  /** A version, module id or release id that it has to be; only for callers with a role. */
  readonly version?: string | undefined;
  /** Headers that every answer gets besides the module's own. Default none. */
  readonly extraHeaders?: Readonly<Record<string, string>>;
  /** The request's own span. Absent: it is not traced. */
  readonly span?: TraceSpan | undefined;
  /** Called once, when the head of the answer is written. Until then a failure is thrown. */
  readonly onHead: () => void;
}

/** Counters of forwarded requests since the gateway was made. @public */
export interface HttpForwardStats {
  readonly inFlight: number;
  readonly requests: number;
  /** Sent once more, because a node had not taken them. */
  readonly retried: number;
  /** Refused because too many were under way, here or on every node. */
  readonly overloaded: number;
  /** Without an answer: no node, node lost, time limit. */
  readonly failed: number;
  /** Broken off after the head of their answer. */
  readonly cut: number;
  /** Clients that left before they had their answer. */
  readonly abandoned: number;
  /** By the first digit of the status. */
  readonly answered: Readonly<Record<'1' | '2' | '3' | '4' | '5', number>>;
}

/** @internal */
export interface HttpForwarderParts {
  readonly search: RouteSearch;
  readonly nodes: NodeConnections;
  readonly tokens: InvokeTokenSigner;
  /** Takes copies of requests. Absent: none are made. */
  readonly mirror: RequestMirror | undefined;
  readonly planOf: (tenant: string, moduleName: string) => RoutePlan | undefined;
  readonly searchMs: number;
  readonly headTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxInFlight: number;
  /** How the module is reached, of the route as it is now. */
  readonly httpOf: (tenant: string, moduleName: string) => ModuleHttp | null;
}

/** What is kept of a request while it is under way. */
interface RequestCopy {
  readonly mirrors: readonly RouteMirror[];
  readonly tap: AnswerTap;
  readonly beganAt: number;
}

/** Nodes that were asked in vain because they had too much to do; then the client is told to come back. */
const maxOverloaded = 3;

/**
 * Sends HTTP requests of modules on to nodes, streaming both ways.
 * @internal
 */
export class HttpForwarder {
  readonly #parts: HttpForwarderParts;
  readonly #open = new Set<ForwardReply>();
  readonly #counts = { requests: 0, retried: 0, overloaded: 0, failed: 0, cut: 0, abandoned: 0 };
  readonly #answered = { '1': 0, '2': 0, '3': 0, '4': 0, '5': 0 };
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  constructor(parts: HttpForwarderParts) {
    this.#parts = parts;
  }

  stats(): HttpForwardStats {
    return { ...this.#counts, inFlight: this.#inFlight, answered: { ...this.#answered } };
  }

  /** Waits until nothing is under way, then cuts what is left. @returns how many were cut */
  async drain(deadlineMs: number): Promise<number> {
    if (this.#inFlight === 0) return 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(resolve, deadlineMs);
    await promise;
    clearTimeout(timer);
    const left = [...this.#open];
    for (const reply of left) reply.giveUp(clientLeft());
    return left.length;
  }

  /** @throws HS_ROUTE_* until the head of the answer is written */
  async forward(call: HttpForward): Promise<void> {
    this.#counts.requests++;
    const { maxInFlight, maxBodyBytes } = this.#parts;
    if (this.#inFlight >= maxInFlight) {
      this.#counts.overloaded++;
      throw gatewayError('HS_ROUTE_OVERLOADED', { moduleName: call.moduleName });
    }
    const { 'content-length': length, 'transfer-encoding': coding } = call.request.headers;
    // Only chunks are put together here, and the module would not hear of another coding.
    if (coding !== undefined && coding.toLowerCase() !== 'chunked')
      throw gatewayError('HS_ROUTE_CODING_REFUSED', { coding });
    if (Number(length ?? 0) > maxBodyBytes) throw gatewayError('HS_ROUTE_BODY_TOO_LARGE', { limitBytes: maxBodyBytes });
    this.#inFlight++;
    try {
      await this.#deliver(call, this.#copyOf(call));
    } catch (error) {
      if (call.response.destroyed) this.#counts.abandoned++;
      else this.#counts.failed++;
      throw error;
    } finally {
      if (--this.#inFlight === 0) this.#onIdle?.();
    }
  }

  /** What is kept of a request that was chosen to be copied. */
  #copyOf({ tenant, moduleName, version }: HttpForward): RequestCopy | undefined {
    const { mirror, planOf } = this.#parts;
    const mirrors = version === undefined ? mirror?.sample(planOf(tenant, moduleName)) : undefined;
    return mirrors && { mirrors, tap: new AnswerTap(mirrorBodyBytes), beganAt: performance.now() };
  }

  #offer(call: HttpForward, { mirrors, tap, beganAt }: RequestCopy, body: ReplayableBody | null): void {
    const { moduleName, request, requestId } = call;
    const method = request.method ?? 'GET';
    this.#parts.mirror?.offer(mirrors, {
      ...{ moduleName, method, call: method, isFunction: false, pin: 'x-hotswap-version' },
      path: httpPath(call),
      headers: [...requestHeaders(request, call), 'x-request-id', requestId],
      body: body === null ? null : body.whole,
      answer: tap.answer,
      tookMs: performance.now() - beganAt,
    });
  }

  async #deliver(call: HttpForward, copy: RequestCopy | undefined): Promise<void> {
    const { search } = this.#parts;
    const body = announcesBody(call.request) ? new ReplayableBody(call.request, this.#parts.maxBodyBytes) : null;
    const ask = this.#ask(call);
    const tried = new Set<string>();
    let overloaded = 0;
    let deadline = 0;
    let why = 'none is reachable';
    for (;;) {
      const target = search.choose(ask, tried);
      const end = target && (await this.#traced(call, target, body, copy?.tap));
      if (end?.kind === 'done') {
        this.#count(end);
        if (copy !== undefined) this.#offer(call, copy, body);
        // The module has answered without reading everything.
        if (body !== null && !call.request.complete) body.discard().catch(() => call.request.destroy());
        return;
      }
      if (call.response.destroyed) throw clientLeft();
      if (end && target) {
        why = this.#whyAgain(call, target, body, end);
        if (end.kind === 'refused' && end.code === 'HS_HTTP_OVERLOADED') overloaded++;
        tried.add(pairOf(target));
        this.#counts.retried++;
      }
      if (overloaded >= maxOverloaded || (overloaded > 0 && target === null)) {
        this.#counts.overloaded++;
        throw gatewayError('HS_ROUTE_OVERLOADED', { moduleName: call.moduleName });
      }
      deadline ||= performance.now() + this.#parts.searchMs;
      await search.lookAgain(ask, { hadTarget: target !== null, tried, deadline, why });
    }
  }

  #ask({ tenant, moduleName, version, request, remoteAddress }: HttpForward): SearchAsk {
    const { httpOf } = this.#parts;
    const stickyKey = stickyKeyOf(httpOf(tenant, moduleName)?.affinity ?? null, request, remoteAddress);
    const { headers } = request;
    return { tenant, moduleName, version, stickyKey, headers, isSuitable: (target) => target.http !== null };
  }

  /** Why the next node may be asked. @throws when this one may have run the request, or its body cannot be sent again */
  #whyAgain(
    call: HttpForward,
    { nodeId }: RouteTarget,
    body: ReplayableBody | null,
    end: Exclude<ForwardEnd, { kind: 'done' }>,
  ): string {
    if (end.kind === 'failed') {
      if (end.error) throw end.error;
      if (end.isTimeout) throw gatewayError('HS_ROUTE_TIMEOUT', { nodeId, timeoutMs: this.#parts.headTimeoutMs });
      if (end.wasSent) throw gatewayError('HS_ROUTE_NODE_LOST', { nodeId, why: end.why });
    } else if (end.status === 401) this.#parts.tokens.forget({ tenant: call.tenant, nodeId });
    if (body?.canReplay === false)
      throw gatewayError('HS_ROUTE_NO_NODE', { moduleName: call.moduleName, why: `${end.why} on ${nodeId}` });
    return end.why;
  }

  #traced(
    call: HttpForward,
    target: RouteTarget,
    body: ReplayableBody | null,
    tap: AnswerTap | undefined,
  ): Promise<ForwardEnd> {
    return tracedAttempt(
      call.span,
      target,
      (traceparent) => this.#attempt(call, target, { body, tap, traceparent }),
      (end) => (end.kind !== 'done' ? end.why : end.status >= 500 ? `status ${end.status}` : undefined),
    );
  }

  async #attempt(
    call: HttpForward,
    target: RouteTarget,
    {
      body,
      tap,
      traceparent,
    }: {
      readonly body: ReplayableBody | null;
      readonly tap: AnswerTap | undefined;
      readonly traceparent: string | undefined;
    },
  ): Promise<ForwardEnd> {
    const kept = this.#parts.tokens.headerFor({ tenant: call.tenant, nodeId: target.nodeId });
    const authorization = typeof kept === 'string' ? kept : await kept;
    const { request, response } = call;
    if (response.destroyed) throw clientLeft();
    const headers = requestHeaders(request, call);
    headers.push('authorization', authorization, 'x-hotswap-version', target.releaseId, 'x-request-id', call.requestId);
    setTraceparent(headers, traceparent);
    return new Promise<ForwardEnd>((resolve) => {
      const reply = new ForwardReply(response, {
        extraHeaders: { ...call.extraHeaders, 'x-request-id': call.requestId },
        onHead: call.onHead,
        tap,
        end: (end) => {
          this.#open.delete(reply);
          response.removeListener('close', onClose);
          resolve(end);
        },
      });
      const onClose = (): void => {
        if (!response.writableFinished) reply.giveUp(clientLeft());
      };
      response.once('close', onClose);
      this.#open.add(reply);
      this.#parts.nodes.forward(
        target.dataPlaneUrl,
        {
          path: httpPath(call),
          method: request.method ?? 'GET',
          headers,
          // The types know of streams alone; iterables are taken as well and leave the request alone when given up.
          body: body === null ? null : (body.read() as unknown as Readable),
          headersTimeout: this.#parts.headTimeoutMs,
          bodyTimeout: this.#parts.bodyIdleTimeoutMs,
        },
        reply,
      );
    });
  }

  #count({ status, isCut }: Extract<ForwardEnd, { kind: 'done' }>): void {
    this.#answered[String(status)[0] as '2'] += 1;
    if (isCut) this.#counts.cut++;
  }
}

const httpPath = ({ moduleName, url }: HttpForward): string => `/http/${encodeURIComponent(moduleName)}${url}`;
