import type { EffectScope } from '../effect-handler.ts';

/** Whether every router serves the module's route as it is now, or a newer one. @internal */
export async function isRouted({ spec, fleet, router }: EffectScope): Promise<boolean> {
  const [revision, served] = await Promise.all([
    fleet.routeRevision(spec.tenant, spec.moduleName),
    router.servedRevision(spec.tenant, spec.moduleName),
  ]);
  return served === null || served >= revision;
}
