import { httpServingOf, type ModuleRecord, type Release } from '@hotswap/core';
import type { ModuleView, ReleaseView } from '@hotswap/protocol';

/** @internal */
export function toModuleView(module: ModuleRecord): ModuleView {
  const { description } = module;
  return {
    moduleId: module.moduleId,
    name: module.name,
    version: module.version,
    digest: module.digest,
    sizeBytes: module.sizeBytes,
    kind: description.kind,
    wasiVersion: module.wasiVersion,
    interfaces: module.interfaces,
    imports: description.imports,
    exports: description.exports,
    functions: description.functions,
    isCommand: description.isCommand,
    servesHttp: httpServingOf(description),
    resourceLimits: module.resourceLimits,
    capabilities: module.capabilities,
    http: module.http,
    runtime: module.runtime,
    allowedRegions: module.allowedRegions ?? null,
    healthCheck: module.healthCheck,
    createdBy: module.createdBy,
    createdAt: new Date(module.createdAt).toISOString(),
  };
}

/** @internal */
export function toReleaseView({ tenant: _tenant, ...release }: Release): ReleaseView {
  return release;
}
