import { apiBase, strategyListSchema, type StrategyView } from '@hotswap/protocol';
import { reading } from '../../auth/principal.ts';
import { recommendations, strategyOfEnvironment } from '../../deployments/recommended-strategy.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';

/** @internal */
export function strategyRoutes(app: App, { config, strategies }: ServerParts): void {
  app.get(
    `${apiBase}/strategies`,
    { config: { role: reading }, schema: { tags: ['strategies'], response: { 200: strategyListSchema } } },
    () => ({
      environment: config.environment,
      recommended: strategyOfEnvironment[config.environment],
      strategies: newestOf(strategies),
    }),
  );
}

function newestOf(strategies: ServerParts['strategies']): readonly StrategyView[] {
  const versions = new Map<string, number>();
  for (const { name, version } of strategies) versions.set(name, Math.max(version, versions.get(name) ?? 0));
  return [...versions]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, version]) => ({ name, version, recommendedFor: recommendations[name] ?? [] }));
}
