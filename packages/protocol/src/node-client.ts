import { followEvents } from './event-stream.ts';
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
import type { NodeCheckView } from './node-check-api.ts';
import type { NodeLogEvent, NodeLogQuery } from './node-log-api.ts';
import type { NodeMetricsQuery, NodeMetricsView } from './node-metrics-api.ts';
import { apiBase } from './protocol-version.ts';

/** What of a node's log to read, and where to go on. @public */
export interface NodeLogOptions extends NodeLogQuery {
  readonly signal?: AbortSignal;
  /** Lines after the one with this id only. */
  readonly afterId?: string;
}

/** Nodes: read, enable, label, remove, and tokens with which new ones join. @public */
export interface NodeClient {
  list(query?: NodeListQuery): Promise<NodeList>;
  get(nodeId: string): Promise<NodeView>;
  health(nodeId: string): Promise<NodeHealthView>;
  /** Runs the health functions of all its modules there, now. For administrators. */
  checkHealth(nodeId: string, options?: { readonly signal?: AbortSignal }): Promise<NodeCheckView>;
  /**
   * What modules wrote there and what became of them, as it happens; reconnects by itself. Ends by itself only with
   * `follow: false`.
   */
  logs(nodeId: string, options?: NodeLogOptions): AsyncGenerator<NodeLogEvent, void, undefined>;
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
    checkHealth: (nodeId, options) =>
      transport.send({ method: 'POST', path: `${one(nodeId)}/health`, body: {}, ...signalOf(options) }),
    logs: (nodeId, options) => readLogs(transport, `${one(nodeId)}/logs`, options ?? {}),
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

async function* readLogs(
  transport: HttpTransport,
  path: string,
  { signal, afterId, ...query }: NodeLogOptions,
): AsyncGenerator<NodeLogEvent, void, undefined> {
  const request = { method: 'GET' as const, path, query: { ...query }, ...signalOf({ ...(signal && { signal }) }) };
  for await (const { data } of followEvents(transport, request, afterId, true)) {
    const event = JSON.parse(data) as NodeLogEvent;
    if (event.kind === 'end') return;
    yield event;
  }
}
