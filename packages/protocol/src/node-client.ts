import { requestHeaders, type HttpTransport, type RequestOptions } from './http-transport.ts';
import { signalOf } from './module-client.ts';
import type {
  JoinTokenRequest,
  JoinTokenView,
  NodeHealthView,
  NodeList,
  NodeListQuery,
  NodeView,
  UpdateNodeRequest,
} from './node-api.ts';
import type { NodeMetricsQuery, NodeMetricsView } from './node-metrics-api.ts';
import { apiBase } from './protocol-version.ts';

/** Nodes: read, enable, label, remove, and tokens with which new ones join. @public */
export interface NodeClient {
  list(query?: NodeListQuery): Promise<NodeList>;
  get(nodeId: string): Promise<NodeView>;
  health(nodeId: string): Promise<NodeHealthView>;
  /** What calls experienced there lately, by module and release. */
  metrics(nodeId: string, query?: NodeMetricsQuery): Promise<NodeMetricsView>;
  update(nodeId: string, change: UpdateNodeRequest, options?: RequestOptions): Promise<NodeView>;
  delete(nodeId: string, options?: RequestOptions): Promise<void>;
  createJoinToken(request?: JoinTokenRequest, options?: RequestOptions): Promise<JoinTokenView>;
}

const base = `${apiBase}/nodes`;

/** @internal */
export function nodeClient(transport: HttpTransport): NodeClient {
  const one = (nodeId: string): string => `${base}/${encodeURIComponent(nodeId)}`;
  return {
    list: (query = {}) => transport.send({ method: 'GET', path: base, query: { ...query } }),
    get: (nodeId) => transport.send({ method: 'GET', path: one(nodeId) }),
    health: (nodeId) => transport.send({ method: 'GET', path: `${one(nodeId)}/health` }),
    metrics: (nodeId, query = {}) =>
      transport.send({ method: 'GET', path: `${one(nodeId)}/metrics`, query: { ...query } }),
    update: (nodeId, change, options) =>
      transport.send({
        method: 'PUT',
        path: one(nodeId),
        body: change,
        headers: requestHeaders(options),
        ...signalOf(options),
      }),
    delete: (nodeId, options) =>
      transport.send({ method: 'DELETE', path: one(nodeId), headers: requestHeaders(options), ...signalOf(options) }),
    createJoinToken: (request = {}, options) =>
      transport.send({
        method: 'POST',
        path: `${apiBase}/join-tokens`,
        body: request,
        headers: requestHeaders(options),
        ...signalOf(options),
      }),
  };
}
