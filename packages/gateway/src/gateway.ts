import { invokeHeaders, readProblem } from '@hotswap/protocol';
import type { TrafficRouter } from '@hotswap/core';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseTarget, isVersion, type RoutePlan } from './choose-target.ts';
import { gatewayError } from './error-codes.ts';
import { InvokeTokenSigner, type SignInvokeToken } from './invoke-token-signer.ts';
import { NodeCallFailure, NodeConnections, type NodeReply } from './node-connections.ts';
import type { RevisionBoard, Route, RouteSource, RouteTarget } from './route-source.ts';
import { RouteTable } from './route-table.ts';

/** What a gateway is made of. @public */
export interface GatewayOptions {
  readonly source: RouteSource;
  readonly board: RevisionBoard;
  /** Signs tokens that nodes admit calls by: EdDSA, `aud` = node id. */
  readonly signToken: SignInvokeToken;
  /** Unique among gateways that live at one time. */
  readonly instanceId: string;
  /** Longest time that a call may take when it names none. Default 65,000: above the longest time limit of modules. */
  readonly callTimeoutMs?: number;
  /** How long a call that no node has taken yet looks for one. Default 3,000. */
  readonly searchMs?: number;
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
  /** A version, module id or release id that it has to be. */
  readonly version?: string | undefined;
  readonly timeoutMs?: number | undefined;
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

const pauseBetweenSearchesMs = 25;

/**
 * Sends calls of functions to nodes by the live routes. A call is sent to another node only when the first one has
 * certainly not run it: no connection, nothing sent, release not there, or the node stops.
 * @public
 */
export class Gateway implements TrafficRouter {
  readonly name = 'gateway';
  readonly spansNodes = true;
  readonly #options: GatewayOptions;
  readonly #table: RouteTable;
  readonly #tokens: InvokeTokenSigner;
  readonly #nodes = new NodeConnections();
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
        options.onServed?.(routes);
      },
    });
  }

  /** Reads the routes; calls are taken from then on. */
  async start(): Promise<void> {
    await this.#table.start();
  }

  /** Leaves the board and closes connections once their calls have ended. */
  async stop(): Promise<void> {
    await this.#table.stop();
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
    const tried = new Set<string>();
    let deadline = 0;
    for (;;) {
      const target = this.#choose(call, tried);
      const attempt = target && (await this.#attempt(call, target));
      if (attempt && 'reply' in attempt) return attempt.reply;
      deadline ||= performance.now() + Math.min(this.#options.searchMs ?? 3_000, call.timeoutMs ?? Infinity);
      if (attempt) tried.add(attempt.refusedBy);
      await this.#lookAgain(call, {
        hadTarget: target !== null,
        tried,
        deadline,
        why: attempt?.why ?? 'none is reachable',
      });
    }
  }

  #choose(call: GatewayCall, tried: ReadonlySet<string>): RouteTarget | null {
    const plan = this.#table.plan(call.tenant, call.moduleName);
    if (!plan) return null;
    return chooseTarget(plan, {
      random: Math.random(),
      stickyKey: call.stickyKey,
      version: call.version,
      isExcluded: (target) => this.#nodes.isDown(target.dataPlaneUrl) || (tried.size > 0 && tried.has(pairOf(target))),
    });
  }

  /** Sends once. `refusedBy`: it has certainly not run there and may be sent elsewhere. */
  async #attempt(
    call: GatewayCall,
    target: RouteTarget,
  ): Promise<{ reply: GatewayReply } | { refusedBy: string; why: string }> {
    const timeoutMs = (call.timeoutMs ?? this.#options.callTimeoutMs ?? 65_000) + 1_000;
    const kept = this.#tokens.headerFor(target.nodeId);
    const authorization = typeof kept === 'string' ? kept : await kept;
    const headers: Record<string, string> = {
      authorization,
      'content-type': 'application/json',
      [invokeHeaders.release]: target.releaseId,
      [invokeHeaders.requestId]: call.requestId,
    };
    if (call.stickyKey !== undefined) headers[invokeHeaders.sticky] = call.stickyKey;
    if (call.timeoutMs !== undefined) headers[invokeHeaders.timeoutMs] = String(call.timeoutMs);
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
    if (reply.status === 401) this.#tokens.forget(target.nodeId);
    return { refusedBy: pairOf(target), why: refusal };
  }

  /** Makes sure that another choice makes sense: reads the route anew, waits a moment, or gives up. */
  async #lookAgain(
    call: GatewayCall,
    search: { hadTarget: boolean; tried: Set<string>; deadline: number; why: string },
  ): Promise<void> {
    const { tenant, moduleName } = call;
    if (!this.#table.isKnownMiss(tenant, moduleName)) await this.#table.refresh(tenant, moduleName);
    const plan = this.#table.plan(tenant, moduleName);
    if (!plan) throw gatewayError('HS_ROUTE_NOT_FOUND', { moduleName });
    this.#requireVersion(plan, call);
    if (plan.route.targets.length === 0)
      throw gatewayError('HS_ROUTE_NO_NODE', { moduleName, why: 'the route is empty' });
    if (performance.now() >= search.deadline) throw gatewayError('HS_ROUTE_NO_NODE', { moduleName, why: search.why });
    if (search.hadTarget) return;
    search.tried.clear();
    await sleep(pauseBetweenSearchesMs);
  }

  #requireVersion({ route }: RoutePlan, { version, moduleName }: GatewayCall): void {
    if (version === undefined || route.targets.some((target) => isVersion(target, version))) return;
    const served = [...new Set(route.targets.map((target) => target.version))].join(', ');
    throw gatewayError('HS_ROUTE_VERSION_NOT_SERVED', { moduleName, version, served: served === '' ? 'none' : served });
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

const pairOf = (target: RouteTarget): string => `${target.nodeId}\n${target.releaseId}`;

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
