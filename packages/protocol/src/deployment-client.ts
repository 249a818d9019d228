import {
  finalStatuses,
  type CreateDeploymentRequest,
  type DeploymentEvent,
  type DeploymentList,
  type DeploymentListQuery,
  type DeploymentView,
  type JournalView,
} from './deployment-api.ts';
import type { ApprovalRequest, CommandRequest, ExecuteRequest, RollbackRequest } from './deployment-commands.ts';
import { followEvents } from './event-stream.ts';
import { requestHeaders, type HttpTransport, type RequestOptions } from './http-transport.ts';
import type { ListQuery } from './list-api.ts';
import { signalOf } from './module-client.ts';
import type { SimulateRequest, SimulationResult } from './simulation-api.ts';
import { apiBase } from './protocol-version.ts';

/** How to follow a deployment. @public */
export interface WatchOptions {
  readonly signal?: AbortSignal;
  /** Journal lines after this number only. Default: all of them, then what comes. */
  readonly afterSeq?: number;
  /** `true`: go on after a final status, e.g. to see retention end. Default `false`. */
  readonly follow?: boolean;
}

/** Deployments: create, command, watch. Commands resolve once the server has accepted them; watch to see them through. @public */
export interface DeploymentClient {
  create(deployment: CreateDeploymentRequest, options?: RequestOptions): Promise<DeploymentView>;
  /** What a deployment would change and how it would go, in virtual time. Nothing is written. */
  simulate(request: SimulateRequest, options?: { readonly signal?: AbortSignal }): Promise<SimulationResult>;
  list(query?: DeploymentListQuery): Promise<DeploymentList>;
  get(deploymentId: string): Promise<DeploymentView>;
  journal(deploymentId: string, query?: ListQuery): Promise<JournalView>;
  approve(deploymentId: string, request?: ApprovalRequest, options?: RequestOptions): Promise<DeploymentView>;
  reject(deploymentId: string, request?: ApprovalRequest, options?: RequestOptions): Promise<DeploymentView>;
  execute(deploymentId: string, request?: ExecuteRequest, options?: RequestOptions): Promise<DeploymentView>;
  pause(deploymentId: string, request?: CommandRequest, options?: RequestOptions): Promise<DeploymentView>;
  resume(deploymentId: string, request?: CommandRequest, options?: RequestOptions): Promise<DeploymentView>;
  promote(deploymentId: string, request?: CommandRequest, options?: RequestOptions): Promise<DeploymentView>;
  retry(deploymentId: string, request?: CommandRequest, options?: RequestOptions): Promise<DeploymentView>;
  abort(deploymentId: string, request?: CommandRequest, options?: RequestOptions): Promise<DeploymentView>;
  rollback(deploymentId: string, request?: RollbackRequest, options?: RequestOptions): Promise<DeploymentView>;
  /** Journal lines and states as they happen; reconnects by itself; ends after a final status unless told to follow. */
  watch(deploymentId: string, options?: WatchOptions): AsyncGenerator<DeploymentEvent, void, undefined>;
}

const base = `${apiBase}/deployments`;

/** @internal */
export function deploymentClient(transport: HttpTransport): DeploymentClient {
  const one = (deploymentId: string): string => `${base}/${encodeURIComponent(deploymentId)}`;
  const command =
    (name: string) =>
    (
      deploymentId: string,
      request: ApprovalRequest | CommandRequest | ExecuteRequest | RollbackRequest = {},
      options?: RequestOptions,
    ): Promise<DeploymentView> =>
      transport.send({
        method: 'POST',
        path: `${one(deploymentId)}/${name}`,
        body: request,
        headers: requestHeaders(options),
        ...signalOf(options),
      });
  return {
    create: (deployment, options) =>
      transport.send({
        method: 'POST',
        path: base,
        body: deployment,
        headers: requestHeaders(options),
        ...signalOf(options),
      }),
    simulate: (request, options) =>
      transport.send({ method: 'POST', path: `${base}/simulate`, body: request, ...signalOf(options ?? {}) }),
    list: (query = {}) => transport.send({ method: 'GET', path: base, query: { ...query } }),
    get: (deploymentId) => transport.send({ method: 'GET', path: one(deploymentId) }),
    journal: (deploymentId, query = {}) =>
      transport.send({ method: 'GET', path: `${one(deploymentId)}/journal`, query: { ...query } }),
    approve: command('approve'),
    reject: command('reject'),
    execute: command('execute'),
    pause: command('pause'),
    resume: command('resume'),
    promote: command('promote'),
    retry: command('retry'),
    abort: command('abort'),
    rollback: command('rollback'),
    watch: (deploymentId, options) => watch(transport, `${one(deploymentId)}/events`, options ?? {}),
  };
}

async function* watch(
  transport: HttpTransport,
  path: string,
  options: WatchOptions,
): AsyncGenerator<DeploymentEvent, void, undefined> {
  const after = options.afterSeq === undefined ? undefined : String(options.afterSeq);
  for await (const event of followEvents(transport, { method: 'GET', path, ...signalOf(options) }, after)) {
    const read = JSON.parse(event.data) as DeploymentEvent;
    yield read;
    if (options.follow !== true && read.kind === 'status' && finalStatuses.includes(read.deployment.status)) return;
  }
}
