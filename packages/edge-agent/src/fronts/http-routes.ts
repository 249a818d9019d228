import { defaultHttpLimits, type HttpRoute, type ModuleHttp } from '@hotswap/core';

/** A module of the node that answers HTTP requests. @internal */
export interface HttpModule {
  readonly moduleName: string;
  readonly http: ModuleHttp;
  /** Bytes that a call may carry, by the module's own limits. */
  readonly maxInputSize: number;
  /** Some release takes traffic that is not pinned. */
  readonly takesTraffic: boolean;
}

/** Calls of functions look after their bodies themselves: each module has a limit of its own. */
const invokeRoute: HttpRoute = {
  slot: null,
  hosts: [],
  pathPrefix: '/invoke',
  stripPrefix: false,
  access: 'public',
  affinity: null,
  limits: { maxBodyBytes: 4_294_967_296 },
};

/**
 * Routes of the port that the server calls: `/http/{moduleName}/...`, for holders of its token. Also for modules without
 * traffic, because requests may be pinned to a release.
 * @internal
 */
export function serverRoutes(modules: readonly HttpModule[]): readonly HttpRoute[] {
  return [
    invokeRoute,
    ...modules.map((module): HttpRoute => ({
      slot: module.moduleName,
      hosts: [],
      pathPrefix: `/http/${encodeURIComponent(module.moduleName)}`,
      stripPrefix: true,
      access: 'authorized',
      affinity: module.http.affinity,
      limits: limitsOf(module),
    })),
  ];
}

/**
 * Routes of the public port. A guest sees the same path here and through the server. Modules that want keys are there,
 * too, so that their callers are told 401 instead of 404.
 * @internal
 */
export function publicRoutes(modules: readonly HttpModule[]): readonly HttpRoute[] {
  return modules
    .filter(({ takesTraffic }) => takesTraffic)
    .map((module) => ({
      slot: module.moduleName,
      hosts: module.http.hosts,
      pathPrefix: module.http.pathPrefix,
      stripPrefix: true,
      access: module.http.access === 'public' ? 'public' : 'authorized',
      affinity: module.http.affinity,
      limits: limitsOf(module),
    }));
}

/** What a module takes as input it also takes as a body; smaller limits are for values, which are not streamed. */
function limitsOf({ maxInputSize }: HttpModule): NonNullable<HttpRoute['limits']> {
  return { maxBodyBytes: Math.max(maxInputSize, defaultHttpLimits.maxBodyBytes) };
}
