import type {
  AccessListQuery,
  ApiKeyList,
  ChangePasswordRequest,
  CreateApiKeyRequest,
  CreatedApiKey,
  CreateUserRequest,
  LoginAnswer,
  LoginRequest,
  LogoutRequest,
  UpdateUserRequest,
  UserList,
  UserView,
  WhoAmI,
} from './auth-api.ts';
import type { HttpTransport, RequestOptions } from './http-transport.ts';
import { signalOf } from './module-client.ts';

/** Who may do what: logins, users and keys. @public */
export interface AuthClient {
  /** Proves who somebody is. The token of the answer is for a client of its own. */
  login(request: LoginRequest, options?: RequestOptions): Promise<LoginAnswer>;
  /** Ends the session that the client's token belongs to. */
  logout(request?: LogoutRequest): Promise<void>;
  me(): Promise<WhoAmI>;
  changePassword(request: ChangePasswordRequest): Promise<void>;
  /** Keys of programs: one's own; an admin sees and deletes all of the tenant. */
  readonly keys: {
    create(request: CreateApiKeyRequest): Promise<CreatedApiKey>;
    list(query?: AccessListQuery): Promise<ApiKeyList>;
    delete(keyId: string): Promise<void>;
  };
  /** People who log in. For administrators. */
  readonly users: {
    create(request: CreateUserRequest): Promise<UserView>;
    list(query?: AccessListQuery): Promise<UserList>;
    get(userId: string): Promise<UserView>;
    update(userId: string, request: UpdateUserRequest, options?: RequestOptions): Promise<UserView>;
  };
}

const base = '/api/v1/auth';

/** @internal */
export function authClient(transport: HttpTransport): AuthClient {
  const user = (userId: string): string => `${base}/users/${encodeURIComponent(userId)}`;
  const post = <T>(path: string, body: object): Promise<T> =>
    transport.send({ method: 'POST', path: `${base}${path}`, body });
  const list = <T>(path: string, query: AccessListQuery = {}): Promise<T> =>
    transport.send({ method: 'GET', path: `${base}${path}`, query: { ...query } });
  return {
    login: (request, options) =>
      transport.send({ method: 'POST', path: `${base}/login`, body: request, ...signalOf(options) }),
    logout: (request = {}) => post('/logout', request),
    me: () => transport.send({ method: 'GET', path: `${base}/me` }),
    changePassword: (request) => post('/password', request),
    keys: {
      create: (request) => post('/keys', request),
      list: (query) => list('/keys', query),
      delete: (keyId) => transport.send({ method: 'DELETE', path: `${base}/keys/${encodeURIComponent(keyId)}` }),
    },
    users: {
      create: (request) => post('/users', request),
      list: (query) => list('/users', query),
      get: (userId) => transport.send({ method: 'GET', path: user(userId) }),
      update: (userId, request, options) =>
        transport.send({
          method: 'PUT',
          path: user(userId),
          body: request,
          ...(options?.ifMatch === undefined ? {} : { headers: { 'if-match': options.ifMatch } }),
        }),
    },
  };
}
