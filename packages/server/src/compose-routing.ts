import type { MirrorBoard } from '@hotswap/core';
import { Gateway, type GatewayOptions } from '@hotswap/gateway';
import { HaproxyRouter } from '@hotswap/router-haproxy';
import type { DependencyContainer } from 'tsyringe';
import { tokens } from './compose-tokens.ts';
import type { ProxyRouter } from './ports/proxy-router.ts';
import type { ServerParts } from './server-parts.ts';

/** What the gateway and adapters of proxies follow, and whom they tell that a route is served. */
function routeFollowing(scope: DependencyContainer): Pick<GatewayOptions, 'board' | 'source' | 'onServed' | 'onError'> {
  const routes = scope.resolve(tokens.routes);
  const { changes } = scope.resolve(tokens.database);
  const logger = scope.resolve(tokens.logger);
  return {
    board: routes,
    onError: (error) => logger.warn({ err: error }, 'a router could not follow the routes'),
    onServed: (served) =>
      void nudgeModules(scope.resolve(tokens.parts), served).catch((error: unknown) =>
        logger.warn({ err: error }, 'rollouts were not told of a served route'),
      ),
    source: {
      all: () => routes.all(),
      find: (tenant, moduleName) => routes.find(tenant, moduleName),
      subscribe: (handler) =>
        changes.subscribe((hint) => {
          if (hint.topic === 'route') handler({ tenant: hint.tenant, moduleName: hint.moduleName });
          else if (hint.topic === 'resync') handler('all');
        }),
    },
  };
}

/** The built-in gateway. @internal */
export function composeGateway(scope: DependencyContainer): Gateway {
  return new Gateway({
    ...routeFollowing(scope),
    mirrors: makeMirrorBoard(scope),
    instanceId: scope.resolve(tokens.config).instanceId,
    signToken: (nodeId, lifetimeMs, tenant) => scope.resolve(tokens.signingKey).sign(tenant, nodeId, lifetimeMs),
  });
}

/** Reports are looked at at once: too many differences should not wait for a timer. */
function makeMirrorBoard(scope: DependencyContainer): MirrorBoard {
  const routes = scope.resolve(tokens.routes);
  return {
    reportMirrors: async (instanceId, reports) => {
      await routes.reportMirrors(instanceId, reports);
      const { loop } = scope.resolve(tokens.parts);
      for (const { tenant, deploymentId } of reports) loop.nudge(tenant, deploymentId);
    },
  };
}

/** The proxies that the configuration names. @internal */
export function composeProxies(scope: DependencyContainer): readonly ProxyRouter[] {
  const { instanceId, haproxySocket, haproxyMapFile } = scope.resolve(tokens.config);
  if (haproxySocket === undefined || haproxyMapFile === undefined) return [];
  return [
    new HaproxyRouter({
      ...routeFollowing(scope),
      instanceId: `${instanceId}:haproxy`,
      socket: haproxySocket,
      mapFile: haproxyMapFile,
    }),
  ];
}

/** A shift of traffic ends when its revision is served: whoever waits for that should not wait for a timer. */
async function nudgeModules(
  { deployments, loop }: ServerParts,
  served: readonly { readonly tenant: string; readonly moduleName: string; readonly revision: number }[],
): Promise<void> {
  for (const { tenant, moduleName } of served) {
    const { items } = await deployments.list(tenant, { moduleName, statuses: ['InProgress', 'Paused', 'RollingBack'] });
    for (const { spec } of items) loop.nudge(tenant, spec.deploymentId);
  }
}
