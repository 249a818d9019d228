import type { ServerConfig } from '../config/schema.ts';

/** Strategy for each environment, as text 002 recommends it. @internal */
export const strategyOfEnvironment: Readonly<Record<ServerConfig['environment'], string>> = {
  Development: 'Rolling',
  Staging: 'Canary',
  Production: 'Canary',
};

/** What text 002 recommends strategies for; its table, turned round. @internal */
export const recommendations: Readonly<Record<string, readonly string[]>> = {
  ABTesting: ['experiment: data-driven decisions'],
  BlueGreen: ['hotfix: quick deployment and rollback'],
  Canary: ['staging: production simulation', 'production: risk mitigation'],
  Regional: ['production: risk mitigation'],
  Rolling: ['development: fast iteration'],
};

/** Strategy of a request that names none: what its configuration is of, else what the environment recommends. @internal */
export function strategyOf(
  request: { readonly strategy?: string; readonly canaryConfig?: unknown },
  environment: ServerConfig['environment'],
): string {
  if (request.strategy !== undefined) return request.strategy;
  return request.canaryConfig === undefined ? strategyOfEnvironment[environment] : 'Canary';
}
