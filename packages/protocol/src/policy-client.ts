import { requestHeaders, type HttpTransport, type RequestOptions } from './http-transport.ts';
import type { PolicyView, PutPolicyRequest } from './policy-api.ts';
import { signalOf } from './module-client.ts';

/** What a tenant lays down for its deployments. For administrators. @public */
export interface PolicyClient {
  get(options?: RequestOptions): Promise<PolicyView>;
  /** Takes the place of the whole policy; with `revision` only of the one that was read. */
  put(policy: PutPolicyRequest, options?: RequestOptions): Promise<PolicyView>;
}

const path = '/api/v1/policy';

/** @internal */
export function policyClient(transport: HttpTransport): PolicyClient {
  return {
    get: (options) => transport.send({ method: 'GET', path, ...signalOf(options) }),
    put: (body, options) =>
      transport.send({ method: 'PUT', path, body, headers: requestHeaders(options), ...signalOf(options) }),
  };
}
