import { requestHeaders, type HttpTransport, type RequestOptions } from './http-transport.ts';
import { signalOf } from './module-client.ts';
import { apiBase } from './protocol-version.ts';
import type { RouteList, RouteListQuery, RouteView, SetRouteRequest } from './route-api.ts';

const base = `${apiBase}/routes`;
const one = (moduleName: string): string => `${base}/${encodeURIComponent(moduleName)}`;

/** Live routes of modules. @public */
export interface RouteClient {
  list(query?: RouteListQuery): Promise<RouteList>;
  get(moduleName: string): Promise<RouteView>;
  /** Sets the shares of releases by hand; refused while a deployment of the module has not ended. */
  set(moduleName: string, request: SetRouteRequest, options?: RequestOptions): Promise<RouteView>;
  /** Takes the module off every node; refused while a deployment of it has not ended. */
  delete(moduleName: string, options?: RequestOptions): Promise<void>;
}

/** @internal */
export function routeClient(transport: HttpTransport): RouteClient {
  return {
    list: (query = {}) => transport.send({ method: 'GET', path: base, query: { ...query } }),
    get: (moduleName) => transport.send({ method: 'GET', path: one(moduleName) }),
    set: (moduleName, body, options) =>
      transport.send({
        method: 'PUT',
        path: one(moduleName),
        body,
        headers: requestHeaders(options),
        ...signalOf(options),
      }),
    delete: (moduleName, options) =>
      transport.send({
        method: 'DELETE',
        path: one(moduleName),
        headers: requestHeaders(options),
        ...signalOf(options),
      }),
  };
}
