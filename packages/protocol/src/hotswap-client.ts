import type { AuditListQuery, AuditPage } from './audit-api.ts';
import { authClient, type AuthClient } from './auth-client.ts';
import { deploymentClient, type DeploymentClient } from './deployment-client.ts';
import type { HealthView } from './health-api.ts';
import { HttpTransport, type HotSwapClientOptions } from './http-transport.ts';
import { interfaceClient, type InterfaceClient } from './interface-client.ts';
import { moduleClient, type ModuleClient } from './module-client.ts';
import { nodeClient, type NodeClient } from './node-client.ts';
import { apiBase } from './protocol-version.ts';
import { policyClient, type PolicyClient } from './policy-client.ts';
import type { ReleaseDiff, ReleaseDiffQuery, ReleaseList, ReleaseListQuery, ReleaseView } from './release-api.ts';
import { routeClient, type RouteClient } from './route-client.ts';
import type { StrategyList } from './strategy-api.ts';
import { trainClient, type TrainClient } from './train-client.ts';

/**
 * Everything the REST API does, typed. Every answer of 400 and above is thrown as a `HotSwapError` with the server's
 * code, text, status and details.
 * @public
 */
export interface HotSwapClient {
  readonly auth: AuthClient;
  readonly modules: ModuleClient;
  readonly interfaces: InterfaceClient;
  readonly deployments: DeploymentClient;
  readonly trains: TrainClient;
  readonly nodes: NodeClient;
  readonly routes: RouteClient;
  readonly policy: PolicyClient;
  readonly releases: {
    list(query?: ReleaseListQuery): Promise<ReleaseList>;
    get(releaseId: string): Promise<ReleaseView>;
    /** What changes from another release to this one. */
    diff(releaseId: string, query?: ReleaseDiffQuery): Promise<ReleaseDiff>;
  };
  /** What deployments can be carried out by, and what is recommended. */
  readonly strategies: { list(): Promise<StrategyList> };
  /** What is on record of changes. For administrators. */
  readonly audit: { list(query?: AuditListQuery): Promise<AuditPage> };
  /** Details only with a token. */
  health(): Promise<HealthView>;
  /** Whether the server takes requests: `false` while it starts or stops. */
  ready(): Promise<boolean>;
}

/**
 * Makes a client. It holds no connection of its own and needs no closing.
 * @throws HS_CLIENT_UNREACHABLE and HS_CLIENT_UNEXPECTED_ANSWER from any method, besides the server's codes
 * @example
 * const client = createHotSwapClient({ baseUrl: 'http://127.0.0.1:5000', token });
 * const { nodes } = await client.nodes.list({ region: 'us-east' });
 * @public
 */
export function createHotSwapClient(options: HotSwapClientOptions): HotSwapClient {
  const transport = new HttpTransport(options);
  const get = <T>(path: string, query: object = {}): Promise<T> =>
    transport.send({ method: 'GET', path, query: { ...query } });
  return {
    auth: authClient(transport),
    modules: moduleClient(transport),
    interfaces: interfaceClient(transport),
    deployments: deploymentClient(transport),
    trains: trainClient(transport),
    nodes: nodeClient(transport),
    routes: routeClient(transport),
    policy: policyClient(transport),
    releases: {
      list: (query) => get(`${apiBase}/releases`, query),
      get: (releaseId) => get(`${apiBase}/releases/${encodeURIComponent(releaseId)}`),
      diff: (releaseId, query) => get(`${apiBase}/releases/${encodeURIComponent(releaseId)}/diff`, query),
    },
    strategies: { list: () => get(`${apiBase}/strategies`) },
    audit: { list: (query) => get('/api/v1/audit', query) },
    health: () => get('/health'),
    ready: () =>
      get<HealthView>('/health/ready').then(
        (health) => health.status !== 'Unhealthy',
        () => false,
      ),
  };
}
