import { hotSwapError, type ModuleRecord } from '@hotswap/core';

/**
 * Where a module may go at all: a rollout, and whatever catches up with it later, stays there. `null`: everywhere. A region
 * that is refused is pointed at by its place among those asked for.
 * @throws HS_SELECT_REGION_FORBIDDEN
 * @internal
 */
export function allowedRegions(
  { moduleId, allowedRegions: allowed }: Pick<ModuleRecord, 'moduleId' | 'allowedRegions'>,
  asked: readonly string[] | null,
  pointerTo: (at: number) => string = (at) => `/targetRegions/${String(at)}`,
): readonly string[] | null {
  if (!allowed) return asked;
  const forbidden = asked?.findIndex((region) => !allowed.includes(region)) ?? -1;
  if (forbidden < 0) return asked ?? allowed;
  throw hotSwapError('HS_SELECT_REGION_FORBIDDEN', {
    moduleId,
    region: asked?.[forbidden] as string,
    allowed: allowed.join(', '),
    errors: [{ pointer: pointerTo(forbidden), detail: `must be one of ${allowed.join(', ')}` }],
  });
}
