import { hasBreaking } from '@hotswap/interfaces';
import type { DeploymentSpec, ModuleRecord } from '@hotswap/core';
import { forbidden } from '../auth/authorize.ts';
import type { Principal } from '../auth/principal.ts';
import type { ServerConfig } from '../config/schema.ts';
import type { ModuleRegistry, ReleaseRegistry } from '../ports/module-registry.ts';
import { requireSafe, type GateQuestion, type InterfaceGate } from './interface-gate.ts';

/** @internal */
export interface AdmissionParts {
  readonly config: Pick<ServerConfig, 'environment'>;
  readonly gate: Pick<InterfaceGate, 'check'>;
}

/** What a deployment's spec says of its interfaces. @internal */
export type Admission = Pick<DeploymentSpec, 'allowBreaking'> & { readonly requireApproval: boolean };

/**
 * Checks a new deployment's module against hosts, registry and live consumers. What breaks the version that serves needs
 * the approval of a second admin outside Development, where there may be just one.
 * @throws HS_AUTH_FORBIDDEN, HS_INTERFACE_HOST_CANNOT_LINK, HS_INTERFACE_NOT_APPROVED, HS_INTERFACE_BREAKS_CONSUMERS
 * @internal
 */
export async function admitDeployment(
  { gate, config }: AdmissionParts,
  question: GateQuestion,
  {
    allowBreaking = false,
    choosesNodes,
  }: { readonly allowBreaking?: boolean | undefined; readonly choosesNodes: boolean },
  author: Principal,
): Promise<Admission> {
  if (allowBreaking && author.role !== 'admin') throw forbidden(author, 'admin for allowBreaking');
  const findings = await gate.check(question);
  requireSafe(findings, question.module, { allowBreaking, choosesNodes });
  return {
    requireApproval: config.environment !== 'Development' && hasBreaking(findings.changes),
    ...(allowBreaking ? { allowBreaking } : {}),
  };
}

/**
 * The same check when a deployment is executed for the first time: nodes, registry and consumers may have changed since.
 * `ahead` are modules that will have moved before.
 * @throws HS_INTERFACE_HOST_CANNOT_LINK, HS_INTERFACE_NOT_APPROVED, HS_INTERFACE_BREAKS_CONSUMERS
 * @internal
 */
export async function readmitDeployment(
  parts: {
    readonly gate: Pick<InterfaceGate, 'check'>;
    readonly modules: ModuleRegistry;
    readonly releases: ReleaseRegistry;
  },
  spec: DeploymentSpec,
  ahead: NonNullable<GateQuestion['ahead']> = [],
): Promise<void> {
  const module: ModuleRecord = await parts.modules.get(spec.tenant, spec.moduleId);
  const { http } = await parts.releases.get(spec.tenant, spec.releaseId);
  const findings = await parts.gate.check({ module, http, regions: spec.regions, ahead });
  requireSafe(findings, module, {
    allowBreaking: spec.allowBreaking === true,
    choosesNodes: spec.nodeSelector !== undefined,
  });
}
