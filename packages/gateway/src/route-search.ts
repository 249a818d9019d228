import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RouteTarget } from '@hotswap/core';
import { chooseTarget, isVersion, type RoutePlan } from './choose-target.ts';
import { gatewayError } from './error-codes.ts';
import { matchedRelease } from './match-request.ts';
import type { NodeConnections } from './node-connections.ts';
import type { RouteTable } from './route-table.ts';

const pauseBetweenSearchesMs = 25;

/** What is looked for. @internal */
export interface SearchAsk {
  readonly tenant: string;
  readonly moduleName: string;
  readonly stickyKey?: string | undefined;
  readonly version?: string | undefined;
  /** Headers of the call, for routes that bring some requests to a release. Default none. */
  readonly headers?: IncomingHttpHeaders | undefined;
  /** Targets that can serve it at all. Default: every one. */
  readonly isSuitable?: ((target: RouteTarget) => boolean) | undefined;
}

/** How far a search is. @internal */
export interface SearchState {
  /** Pairs of node and release that did not take it. */
  readonly tried: Set<string>;
  readonly deadline: number;
  readonly hadTarget: boolean;
  readonly why: string;
}

/** Finds the node and release for a call, and looks again when one did not take it. @internal */
export class RouteSearch {
  readonly #table: RouteTable;
  readonly #nodes: NodeConnections;

  constructor(table: RouteTable, nodes: NodeConnections) {
    this.#table = table;
    this.#nodes = nodes;
  }

  /** `null`: nothing that is known can take it now. */
  choose(ask: SearchAsk, tried: ReadonlySet<string>): RouteTarget | null {
    const plan = this.#table.plan(ask.tenant, ask.moduleName);
    if (!plan) return null;
    const { isSuitable } = ask;
    return chooseTarget(plan, {
      random: Math.random(),
      stickyKey: ask.stickyKey,
      version: ask.version,
      preferredReleaseId: ask.headers === undefined ? undefined : matchedRelease(plan.route.matches, ask.headers),
      isExcluded: (target) =>
        this.#nodes.isDown(target.dataPlaneUrl) ||
        (tried.size > 0 && tried.has(pairOf(target))) ||
        isSuitable?.(target) === false,
    });
  }

  /**
   * Makes sure that another choice makes sense: reads the route anew, waits a moment, or gives up.
   * @throws HS_ROUTE_NOT_FOUND, HS_ROUTE_VERSION_NOT_SERVED, HS_ROUTE_NO_NODE
   */
  async lookAgain(ask: SearchAsk, search: SearchState): Promise<void> {
    const { tenant, moduleName } = ask;
    if (!this.#table.isKnownMiss(tenant, moduleName)) await this.#table.refresh(tenant, moduleName);
    const plan = this.#table.plan(tenant, moduleName);
    if (!plan) throw gatewayError('HS_ROUTE_NOT_FOUND', { moduleName });
    requireVersion(plan, ask);
    if (plan.route.targets.length === 0)
      throw gatewayError('HS_ROUTE_NO_NODE', {
        moduleName,
        why: 'it was retired, or its first rollout has not come so far',
      });
    if (performance.now() >= search.deadline) throw gatewayError('HS_ROUTE_NO_NODE', { moduleName, why: search.why });
    if (search.hadTarget) return;
    search.tried.clear();
    await sleep(pauseBetweenSearchesMs);
  }
}

/** What a search remembers a target by. @internal */
export function pairOf(target: RouteTarget): string {
  return `${target.nodeId}\n${target.releaseId}`;
}

function requireVersion({ route }: RoutePlan, { version, moduleName }: SearchAsk): void {
  if (version === undefined || route.targets.some((target) => isVersion(target, version))) return;
  const served = [...new Set(route.targets.map((target) => target.version))].join(', ');
  throw gatewayError('HS_ROUTE_VERSION_NOT_SERVED', { moduleName, version, served: served === '' ? 'none' : served });
}
