import type { HttpTransport, RequestOptions } from './http-transport.ts';
import { requestHeaders } from './http-transport.ts';
import type {
  DeclareConsumerRequest,
  DecideInterfaceRequest,
  InterfaceConsumerView,
  InterfaceList,
  InterfaceListQuery,
  InterfaceReport,
  InterfaceView,
  RegisterInterfaceRequest,
  ValidateInterfaceRequest,
} from './interface-api.ts';
import { signalOf } from './module-client.ts';
import { apiBase } from './protocol-version.ts';

/** Registered WIT packages: register, compare, decide. @public */
export interface InterfaceClient {
  /** The same text again answers the existing version. */
  register(body: RegisterInterfaceRequest, options?: RequestOptions): Promise<InterfaceView>;
  list(query?: InterfaceListQuery): Promise<InterfaceList>;
  /** All versions of one package. */
  versions(name: string): Promise<InterfaceList>;
  get(name: string, version: string): Promise<InterfaceView>;
  /** Compares without storing anything. */
  validate(body: ValidateInterfaceRequest): Promise<InterfaceReport>;
  approve(
    name: string,
    version: string,
    body?: DecideInterfaceRequest,
    options?: RequestOptions,
  ): Promise<InterfaceView>;
  reject(
    name: string,
    version: string,
    body?: DecideInterfaceRequest,
    options?: RequestOptions,
  ): Promise<InterfaceView>;
  deprecate(
    name: string,
    version: string,
    body?: DecideInterfaceRequest,
    options?: RequestOptions,
  ): Promise<InterfaceView>;
  /** Says that somebody depends on a version, or what of it. */
  declareConsumer(
    name: string,
    version: string,
    body: DeclareConsumerRequest,
    options?: RequestOptions,
  ): Promise<InterfaceConsumerView>;
  removeConsumer(name: string, version: string, consumer: string, options?: RequestOptions): Promise<void>;
}

const base = `${apiBase}/interfaces`;

/** @internal */
export function interfaceClient(transport: HttpTransport): InterfaceClient {
  const one = (name: string, version: string): string =>
    `${base}/${encodeURIComponent(name)}/${encodeURIComponent(version)}`;
  const post = <Answer>(path: string, body: object, options?: RequestOptions): Promise<Answer> =>
    transport.send({ method: 'POST', path, body, headers: requestHeaders(options), ...signalOf(options) });
  return {
    register: (body, options) => post(base, body, options),
    list: (query = {}) => transport.send({ method: 'GET', path: base, query: { ...query } }),
    versions: (name) => transport.send({ method: 'GET', path: `${base}/${encodeURIComponent(name)}` }),
    get: (name, version) => transport.send({ method: 'GET', path: one(name, version) }),
    validate: (body) => post(`${base}/validate`, body),
    approve: (name, version, body = {}, options) => post(`${one(name, version)}/approve`, body, options),
    reject: (name, version, body = {}, options) => post(`${one(name, version)}/reject`, body, options),
    deprecate: (name, version, body = {}, options) => post(`${one(name, version)}/deprecate`, body, options),
    declareConsumer: (name, version, body, options) => post(`${one(name, version)}/consumers`, body, options),
    removeConsumer: (name, version, consumer, options) =>
      transport.send({
        method: 'DELETE',
        path: `${one(name, version)}/consumers/${encodeURIComponent(consumer)}`,
        headers: requestHeaders(options),
        ...signalOf(options),
      }),
  };
}
