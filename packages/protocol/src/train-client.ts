import { requestHeaders, type HttpTransport, type RequestOptions } from './http-transport.ts';
import type { OverrideRequest } from './deployment-commands.ts';
import type { ListQuery } from './list-api.ts';
import { signalOf } from './module-client.ts';
import { apiBase } from './protocol-version.ts';
import type { CreateTrainRequest, TrainList, TrainView } from './train-api.ts';
import type { SimulateTrainRequest, TrainSimulationResult } from './train-simulation-api.ts';

/** What can be said with a command to a train. @public */
export interface TrainCommandRequest {
  readonly reason?: string;
}

/** What can be said with the execution of a train. @public */
export interface ExecuteTrainRequest {
  /** Begins outside of change windows, or in a freeze. It replaces no approval. Default: they hold. */
  readonly override?: OverrideRequest;
}

/** Release trains. Their members are deployments, which take the commands that are not here. @public */
export interface TrainClient {
  create(train: CreateTrainRequest, options?: RequestOptions): Promise<TrainView>;
  /** Tells what it would change and how it would go; nothing is written. */
  simulate(request: SimulateTrainRequest, options?: { readonly signal?: AbortSignal }): Promise<TrainSimulationResult>;
  list(query?: ListQuery): Promise<TrainList>;
  get(trainId: string): Promise<TrainView>;
  execute(trainId: string, request?: ExecuteTrainRequest, options?: RequestOptions): Promise<TrainView>;
  /** Gives up: everything goes back, in reverse. */
  abort(trainId: string, request?: TrainCommandRequest, options?: RequestOptions): Promise<TrainView>;
  /** The same, also when it is completed and what the members replaced is still warm. */
  rollback(trainId: string, request?: TrainCommandRequest, options?: RequestOptions): Promise<TrainView>;
}

const base = `${apiBase}/trains`;

/** @internal */
export function trainClient(transport: HttpTransport): TrainClient {
  const one = (trainId: string): string => `${base}/${encodeURIComponent(trainId)}`;
  const post = (path: string, body: object, options?: RequestOptions): Promise<TrainView> =>
    transport.send({ method: 'POST', path, body, headers: requestHeaders(options), ...signalOf(options) });
  return {
    create: (train, options) => post(base, train, options),
    simulate: (request, options) =>
      transport.send({ method: 'POST', path: `${base}/simulate`, body: request, ...signalOf(options ?? {}) }),
    list: (query = {}) => transport.send({ method: 'GET', path: base, query: { ...query } }),
    get: (trainId) => transport.send({ method: 'GET', path: one(trainId) }),
    execute: (trainId, request = {}, options) => post(`${one(trainId)}/execute`, request, options),
    abort: (trainId, request = {}, options) => post(`${one(trainId)}/abort`, request, options),
    rollback: (trainId, request = {}, options) => post(`${one(trainId)}/rollback`, request, options),
  };
}
