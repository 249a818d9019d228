import { randomBytes } from 'node:crypto';
import {
  defaultAutoRollback,
  hotSwapError,
  isHotSwapError,
  parseNodeSelectors,
  parseStrategyConfig,
  resolveHealthCheck,
} from '@hotswap/core';
import type {
  DeploymentSpec,
  DeploymentTraffic,
  FleetReader,
  HealthCheckOverride,
  Json,
  ModuleRecord,
  NodeSelectorPlugin,
  Release,
  RolloutEngine,
  Strategy,
} from '@hotswap/core';
import type { createDeploymentSchema } from '@hotswap/protocol';
import type { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import type { ServerConfig } from '../config/schema.ts';
import { admitDeployment } from '../interfaces/admit-deployment.ts';
import type { InterfaceGate } from '../interfaces/interface-gate.ts';
import { healthProblem, httpProblem } from '../modules/check-module.ts';
import { capabilitiesOf, limitsOf } from '../modules/module-service.ts';
import { allowedRegions } from './allowed-regions.ts';
import { shadowRelease } from './mirror-release.ts';
import { strategyOf } from './recommended-strategy.ts';
import type { ModuleRegistry, ReleaseRegistry } from '../ports/module-registry.ts';
import type { DeploymentList } from '../ports/deployment-list.ts';
import type { ProxyRouter } from '../ports/proxy-router.ts';
import type { TenantPolicies } from '../policy/tenant-policies.ts';
import { undoneDeployment } from '../policy/undone-deployment.ts';

/** A new deployment as the schema read it. @internal */
export type NewDeployment = z.output<typeof createDeploymentSchema>;

/** @internal */
export interface DeploymentServiceParts {
  readonly config: ServerConfig;
  readonly engine: RolloutEngine;
  readonly fleet: Pick<FleetReader, 'regions'>;
  readonly gate: Pick<InterfaceGate, 'check'>;
  readonly modules: ModuleRegistry;
  readonly releases: ReleaseRegistry;
  readonly deployments: Pick<DeploymentList, 'find' | 'list' | 'firstServed'>;
  readonly policies: Pick<TenantPolicies, 'approvalsOf'>;
  readonly strategies: readonly Strategy<unknown>[];
  readonly selectors: readonly NodeSelectorPlugin<unknown>[];
  /** Proxies in front of the fleet. */
  readonly proxies: readonly ProxyRouter[];
}

/**
 * Freezes what is to be rolled out, with every default filled in, and opens the deployment.
 * @throws HS_REGISTRY_MODULE_NOT_FOUND, HS_STRATEGY_UNKNOWN, HS_STRATEGY_INVALID_CONFIG, HS_SELECT_UNKNOWN_REGION,
 * HS_SELECT_REGION_FORBIDDEN, HS_SELECT_UNKNOWN, HS_SELECT_INVALID_OPTIONS,
 * HS_REGISTRY_HEALTH_FUNCTION_MISSING, HS_REGISTRY_SERVES_NO_HTTP, HS_LIMIT_RESOURCES, HS_DEPLOYMENT_ACTIVE, HS_DEPLOYMENT_EXISTS,
 * HS_INTERFACE_HOST_CANNOT_LINK, HS_INTERFACE_NOT_APPROVED, HS_INTERFACE_BREAKS_CONSUMERS, HS_DEPLOYMENT_CANNOT_MIRROR,
 * HS_DEPLOYMENT_NOT_FOUND, HS_DEPLOYMENT_TOO_FEW_APPROVERS
 * @internal
 */
export async function createDeployment(
  parts: DeploymentServiceParts,
  body: NewDeployment,
  author: Principal,
): Promise<DeploymentSpec> {
  const spec = await prepareDeployment(parts, body, author);
  await parts.engine.create(spec, author.subject);
  return spec;
}

/** Everything but opening it: nothing is changed but that the release is known. @internal */
export async function prepareDeployment(
  parts: DeploymentServiceParts,
  body: NewDeployment,
  author: Principal,
  ahead: readonly ModuleRecord[] = [],
): Promise<DeploymentSpec> {
  const { content, shadow, spec } = await draftDeployment(parts, body, author, ahead);
  const { releaseId } = await parts.releases.insert(content);
  if (shadow !== null) await parts.releases.insert(shadow);
  return { ...spec, releaseId };
}

/** A deployment as it would be, and what its release would hold. @internal */
export interface DeploymentDraft {
  readonly content: Omit<Release, 'releaseId'>;
  /** What its copy of requests would be answered by; `null`: none are copied. */
  readonly shadow: Omit<Release, 'releaseId'> | null;
  readonly spec: DeploymentSpec;
}

/**
 * The same without writing anything: everything is checked, and the release gets the id that it would have. `ahead` are
 * modules that will have moved before.
 * @internal
 */
export async function draftDeployment(
  parts: DeploymentServiceParts,
  body: NewDeployment,
  author: Principal,
  ahead: readonly ModuleRecord[] = [],
): Promise<DeploymentDraft> {
  const { tenant } = author;
  const strategy = strategyOf(body, parts.config.environment);
  const module = await parts.modules.get(tenant, body.moduleId);
  const { config, healthCheck: ofStrategy, named } = strategyConfig(parts.strategies, strategy, body);
  await refuseUnknownRegions(parts, tenant, named);
  const regions = allowedRegions(
    module,
    body.targetRegions === undefined ? null : await knownRegions(parts, tenant, body.targetRegions),
  );
  const content = releaseOf(module, body, parts.config);
  const healthCheck = resolveHealthCheck(content.healthCheck, body.healthCheck, ofStrategy);
  const problem = healthProblem(module.description, healthCheck) ?? httpProblem(module.description, content);
  if (problem) throw problem;
  const admission = await admitDeployment(
    parts,
    { module, http: content.http, regions, ahead },
    { allowBreaking: body.allowBreaking, choosesNodes: 'nodeSelector' in body },
    author,
  );
  const releaseId = await parts.releases.idOf(content);
  const { traffic, shadow } = await trafficOf(parts, body.traffic, content, releaseId);
  const deploymentId = body.deploymentId ?? `deploy-${randomBytes(5).toString('hex')}`;
  const spec: DeploymentSpec = {
    tenant,
    deploymentId,
    moduleName: module.name,
    moduleId: module.moduleId,
    releaseId,
    strategy,
    config,
    regions,
    healthCheck,
    autoRollback: body.autoRollback ?? defaultAutoRollback,
    progressDeadline: body.progressDeadline ?? 'PT30M',
    retention: body.retention ?? parts.config.retention,
    author: author.subject,
    ...(body.nodeSelector === undefined
      ? {}
      : { nodeSelector: parseNodeSelectors(parts.selectors, body.nodeSelector) }),
    ...joinersOf(parts.strategies, strategy, config, body),
    ...(traffic === undefined ? {} : { traffic }),
    ...admission,
    ...(await undoneDeployment(
      parts.deployments,
      { tenant, moduleName: module.name, releaseId, regions },
      body.undoes,
    )),
    ...(await parts.policies.approvalsOf({
      ...{ tenant, deploymentId, author: author.subject },
      isRequired: parts.config.requireApproval || admission.requireApproval,
    })),
  };
  return { content, shadow, spec };
}

/** @throws HS_DEPLOYMENT_CANNOT_MIRROR */
async function trafficOf(
  { releases, proxies }: DeploymentServiceParts,
  asked: NewDeployment['traffic'],
  content: DeploymentDraft['content'],
  releaseId: string,
): Promise<{ readonly traffic?: DeploymentTraffic; readonly shadow: DeploymentDraft['shadow'] }> {
  if (asked === undefined) return { shadow: null };
  const { mirror, ...traffic } = asked;
  if (mirror === undefined) return { traffic, shadow: null };
  const shadow = shadowRelease({ content, releaseId, proxies });
  return { traffic: { ...traffic, mirror: { ...mirror, releaseId: await releases.idOf(shadow) } }, shadow };
}

/** What a caller says, else what the strategy needs; absent: nodes catch up. */
function joinersOf(
  strategies: readonly Strategy<unknown>[],
  name: string,
  config: Json,
  body: NewDeployment,
): Pick<DeploymentSpec, 'joiners'> {
  if (body.joiners !== undefined) return { joiners: body.joiners };
  const keepsSpare = strategies.some(
    (strategy) => strategy.name === name && strategy.keepsSpareNodes?.(config) === true,
  );
  return keepsSpare ? { joiners: 'leave' } : {};
}

function strategyConfig(
  strategies: readonly Strategy<unknown>[],
  name: string,
  body: NewDeployment,
): {
  readonly config: Json;
  readonly healthCheck: HealthCheckOverride;
  readonly named: readonly { readonly region: string; readonly pointer: string }[];
} {
  const found = strategies.filter((strategy) => strategy.name === name).sort((a, b) => b.version - a.version)[0];
  if (!found) {
    const known = [...new Set(strategies.map((strategy) => strategy.name))].sort().join(', ');
    throw hotSwapError('HS_STRATEGY_UNKNOWN', {
      strategy: name,
      known,
      errors: [{ pointer: '/strategy', detail: `must be one of ${known}` }],
    });
  }
  const key = body.canaryConfig === undefined ? 'strategyConfig' : 'canaryConfig';
  try {
    const config = parseStrategyConfig(found, body[key] ?? {});
    const named = found.namedRegions?.(config) ?? [];
    return {
      config,
      healthCheck: found.healthCheck?.(config) ?? {},
      named: named.map(({ region, pointer }) => ({ region, pointer: `/${key}${pointer}` })),
    };
  } catch (error) {
    if (!isHotSwapError(error, 'HS_STRATEGY_INVALID_CONFIG')) throw error;
    throw hotSwapError(
      'HS_STRATEGY_INVALID_CONFIG',
      { ...error.details, ...pointersBelow(`/${key}`, error.details['errors']) },
      error,
    );
  }
}

/** Pointers of a strategy's schema are within its configuration; callers sent it inside a body. */
function pointersBelow(prefix: string, errors: Json | undefined): { pointer?: string; errors?: Json } {
  if (!Array.isArray(errors)) return {};
  const moved = (errors as readonly { readonly pointer: string; readonly detail: string }[]).map(
    ({ pointer, detail }) => ({ pointer: `${prefix}${pointer}`, detail }),
  );
  return { errors: moved, pointer: moved[0]?.pointer ?? prefix };
}

async function knownRegions(
  parts: DeploymentServiceParts,
  tenant: string,
  asked: readonly string[],
): Promise<readonly string[]> {
  const named = asked.map((region, index) => ({ region, pointer: `/targetRegions/${index}` }));
  await refuseUnknownRegions(parts, tenant, named);
  return [...new Set(asked)];
}

async function refuseUnknownRegions(
  { fleet }: DeploymentServiceParts,
  tenant: string,
  named: readonly { readonly region: string; readonly pointer: string }[],
): Promise<void> {
  if (named.length === 0) return;
  const known = await fleet.regions(tenant);
  const unknown = named.find(({ region }) => !known.includes(region));
  if (!unknown) return;
  throw hotSwapError('HS_SELECT_UNKNOWN_REGION', {
    region: unknown.region,
    known: known.length === 0 ? 'none yet' : known.join(', '),
    errors: [{ pointer: unknown.pointer, detail: 'no node is in this region' }],
  });
}

function releaseOf(module: ModuleRecord, { release }: NewDeployment, config: ServerConfig): Omit<Release, 'releaseId'> {
  return {
    tenant: module.tenant,
    moduleId: module.moduleId,
    moduleName: module.name,
    version: module.version,
    digest: module.digest,
    sizeBytes: module.sizeBytes,
    config: release?.config ?? {},
    capabilities: capabilitiesOf(release?.capabilities, module.capabilities),
    resourceLimits: limitsOf(release?.resourceLimits, config, module.resourceLimits),
    http: release?.http === undefined ? module.http : release.http,
    runtime: release?.runtime ?? module.runtime,
    healthCheck: { ...module.healthCheck, ...release?.healthCheck },
  };
}
