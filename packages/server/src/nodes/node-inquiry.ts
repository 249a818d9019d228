import { resolveHealthCheck } from '@hotswap/core';
import type { NodeQuestions } from '@hotswap/gateway';
import {
  nodeChecksAnswerSchema,
  nodeLogBatchSchema,
  nodePaths,
  type ModuleCheckView,
  type NodeCheckView,
  type NodeChecksRequest,
  type NodeLogBatch,
  type NodeLogRead,
} from '@hotswap/protocol';
import type { z } from 'zod';
import { serverError } from '../error-codes.ts';
import type { ReleaseRegistry } from '../ports/module-registry.ts';
import type { DesiredStates, NodeRecord, NodeRegistry } from '../ports/node-registry.ts';
import { toNodeHealthView } from './node-view.ts';

/** Health functions may take that long, all of a node together. */
const checksMs = 20_000;
/** What the way to a node and back may take on top of what it was given to think. */
const wayMs = 5_000;

/** @internal */
export interface NodeInquiryParts {
  readonly questions: NodeQuestions;
  readonly nodes: Pick<NodeRegistry, 'get'>;
  readonly desired: Pick<DesiredStates, 'read'>;
  readonly releases: Pick<ReleaseRegistry, 'getSome'>;
}

/**
 * What only a node itself can tell. Nodes are asked where they take calls, so that it does not matter which server an
 * agent is connected to.
 * @internal
 */
export class NodeInquiry {
  readonly #parts: NodeInquiryParts;

  constructor(parts: NodeInquiryParts) {
    this.#parts = parts;
  }

  /**
   * Runs the health functions of everything that the node shall hold.
   * @throws HS_NODE_NOT_FOUND, HS_NODE_BAD_ANSWER, HS_ROUTE_NODE_UNREACHABLE, HS_ROUTE_NODE_REFUSED, HS_ROUTE_TIMEOUT
   */
  async check(tenant: string, nodeId: string): Promise<NodeCheckView> {
    const { nodes, questions } = this.#parts;
    const { request, versions } = await this.#checksOf(tenant, await nodes.get(tenant, nodeId));
    const { dataPlaneUrl } = await nodes.get(tenant, nodeId);
    const answer = await questions.ask({ tenant, nodeId, dataPlaneUrl }, nodePaths.checks, request, {
      timeoutMs: checksMs + wayMs,
    });
    const { checks, resources } = read(nodeChecksAnswerSchema, answer, nodeId);
    const health = { ...toNodeHealthView(await nodes.get(tenant, nodeId)), ...resources };
    const views = checks.map((check): ModuleCheckView => ({
      ...check,
      version: versions.get(check.releaseId) ?? 'unknown',
    }));
    const isWell = views.every(({ state }) => state === 'healthy' || state === 'disabled');
    return { ...health, status: health.status === 'Healthy' && !isWell ? 'Degraded' : health.status, checks: views };
  }

  /**
   * Reads on in the node's log.
   * @throws HS_NODE_NOT_FOUND, HS_NODE_BAD_ANSWER, HS_ROUTE_NODE_UNREACHABLE, HS_ROUTE_NODE_REFUSED, HS_ROUTE_TIMEOUT
   */
  async readLog(tenant: string, nodeId: string, wanted: NodeLogRead, signal: AbortSignal): Promise<NodeLogBatch> {
    // Each time anew: a node that has started again may answer elsewhere, and one that was removed answers nobody.
    const { dataPlaneUrl } = await this.#parts.nodes.get(tenant, nodeId);
    const timeoutMs = wanted.waitMs + wayMs;
    const answer = await this.#parts.questions.ask({ tenant, nodeId, dataPlaneUrl }, nodePaths.logs, wanted, {
      timeoutMs,
      signal,
    });
    return read(nodeLogBatchSchema, answer, nodeId);
  }

  /** Cuts what is under way. */
  async stop(): Promise<void> {
    await this.#parts.questions[Symbol.asyncDispose]();
  }

  async #checksOf(
    tenant: string,
    { nodeId }: NodeRecord,
  ): Promise<{ readonly request: NodeChecksRequest; readonly versions: ReadonlyMap<string, string> }> {
    const { desired, releases } = this.#parts;
    const modules = (await desired.read(tenant, [nodeId])).get(nodeId)?.modules ?? [];
    const held = modules.flatMap((module) => module.releases.map((release) => ({ ...module, ...release })));
    const known = await releases.getSome(
      tenant,
      held.map(({ releaseId }) => releaseId),
    );
    const overrides = new Map(known.map(({ releaseId, healthCheck }) => [releaseId, healthCheck]));
    const checks = held.map(({ moduleName, releaseId }) => ({
      ...{ moduleName, releaseId },
      check: resolveHealthCheck(overrides.get(releaseId)),
    }));
    return {
      request: { checks, timeoutMs: checksMs },
      versions: new Map(held.map(({ releaseId, version }) => [releaseId, version])),
    };
  }
}

function read<T>(schema: z.ZodType<T, unknown>, answer: unknown, nodeId: string): T {
  const checked = schema.safeParse(answer);
  if (checked.success) return checked.data;
  throw serverError('HS_NODE_BAD_ANSWER', { nodeId, why: checked.error.issues[0]?.message ?? 'it has another form' });
}
