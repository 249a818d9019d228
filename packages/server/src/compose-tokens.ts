import type { Clock, ModuleStore, RuntimeHost } from '@hotswap/core';
import type { Gateway } from '@hotswap/gateway';
import type { Database, RouteRepository } from '@hotswap/state-postgres';
import type { Logger } from 'pino';
import type { InjectionToken } from 'tsyringe';
import type { InvokeSigningKey } from './auth/invoke-signing-key.ts';
import type { OpenAccess } from './compose-access.ts';
import type { ServerConfig } from './config/schema.ts';
import type { EventBus } from './event-bus.ts';
import type { ServerPlugin } from './plugins/server-plugin.ts';
import type { ServerOverrides } from './compose-overrides.ts';
import type { ServerParts, Telemetry } from './server-parts.ts';

/** Names of a server's parts in its container. @internal */
export const tokens = {
  config: Symbol('config') as InjectionToken<ServerConfig>,
  overrides: Symbol('overrides') as InjectionToken<ServerOverrides>,
  logger: Symbol('logger') as InjectionToken<Logger>,
  database: Symbol('database') as InjectionToken<Database>,
  clock: Symbol('clock') as InjectionToken<Clock & Disposable>,
  store: Symbol('store') as InjectionToken<ModuleStore>,
  runtime: Symbol('runtime') as InjectionToken<Pick<RuntimeHost, 'inspect'> & Partial<AsyncDisposable>>,
  access: Symbol('access') as InjectionToken<OpenAccess>,
  signingKey: Symbol('signingKey') as InjectionToken<InvokeSigningKey>,
  events: Symbol('events') as InjectionToken<EventBus>,
  routes: Symbol('routes') as InjectionToken<RouteRepository>,
  gateway: Symbol('gateway') as InjectionToken<Gateway>,
  parts: Symbol('parts') as InjectionToken<ServerParts>,
  telemetry: Symbol('telemetry') as InjectionToken<Telemetry>,
  plugins: Symbol('plugins') as InjectionToken<readonly ServerPlugin[]>,
};
