import type { InvokeAnswer, InvokeRequest } from './agent-messages.ts';
import { encodeBase64 } from './base64.ts';
import { requestHeaders, type HttpTransport, type RequestOptions } from './http-transport.ts';
import type { ModuleList, ModuleListQuery, ModuleMetadata, ModuleReport, ModuleView } from './module-api.ts';
import { apiBase } from './protocol-version.ts';

/** Options of a call to a function. @public */
export interface InvokeOptions extends InvokeRequest {
  readonly signal?: AbortSignal;
  /** Shortens the module's own time limit. */
  readonly timeoutMs?: number;
  /** Calls with the same key stay on one side of a traffic split. */
  readonly stickyKey?: string;
  /** Forces a version (`1.2.0`), a module id or a release id. */
  readonly version?: string;
}

/** Modules: register, read, validate, call. @public */
export interface ModuleClient {
  /** Uploads the bytes as they are. The same content again answers the existing module. */
  register(module: ModuleMetadata & { readonly wasm: Uint8Array }, options?: RequestOptions): Promise<ModuleView>;
  list(query?: ModuleListQuery): Promise<ModuleList>;
  get(moduleId: string): Promise<ModuleView>;
  /** The module's bytes. */
  binary(moduleId: string): Promise<Uint8Array>;
  /** Looks at bytes without storing them. */
  validate(module: Partial<ModuleMetadata> & { readonly wasm: Uint8Array }): Promise<ModuleReport>;
  /** Checks a registered module against the interface registry as it is now. */
  revalidate(moduleId: string): Promise<ModuleReport>;
  delete(moduleId: string, options?: RequestOptions): Promise<void>;
  /** `ref`: a module's name (routed by the live split) or a module id (that version). */
  invoke(ref: string, functionName: string, call?: InvokeOptions): Promise<InvokeAnswer & { readonly nodeId: string }>;
}

const base = `${apiBase}/modules`;

/** @internal */
export function moduleClient(transport: HttpTransport): ModuleClient {
  const one = (moduleId: string): string => `${base}/${encodeURIComponent(moduleId)}`;
  return {
    register: ({ wasm, ...metadata }, options) =>
      transport.send({
        method: 'POST',
        path: base,
        query: metadataQuery(metadata),
        body: wasm,
        headers: { ...requestHeaders(options), 'content-type': 'application/wasm' },
        ...signalOf(options),
      }),
    list: (query = {}) => transport.send({ method: 'GET', path: base, query: { ...query } }),
    get: (moduleId) => transport.send({ method: 'GET', path: one(moduleId) }),
    binary: async (moduleId) => {
      const response = await transport.open({
        method: 'GET',
        path: `${one(moduleId)}/binary`,
        headers: { accept: 'application/wasm' },
      });
      return new Uint8Array(await response.arrayBuffer());
    },
    validate: ({ wasm, ...metadata }) =>
      transport.send({
        method: 'POST',
        path: `${base}/validate`,
        body: { ...metadata, wasmBinary: encodeBase64(wasm) },
      }),
    revalidate: (moduleId) => transport.send({ method: 'POST', path: `${one(moduleId)}/validate`, body: {} }),
    delete: (moduleId, options) =>
      transport.send({ method: 'DELETE', path: one(moduleId), headers: requestHeaders(options), ...signalOf(options) }),
    invoke: (ref, functionName, call = {}) => {
      const { signal, timeoutMs, stickyKey, version, ...body } = call;
      const headers: Record<string, string> = {};
      if (timeoutMs !== undefined) headers['x-hotswap-timeout-ms'] = String(timeoutMs);
      if (stickyKey !== undefined) headers['x-hotswap-sticky'] = stickyKey;
      if (version !== undefined) headers['x-hotswap-version'] = version;
      const path = `${one(ref)}/functions/${encodeURIComponent(functionName)}/invoke`;
      return transport.send({ method: 'POST', path, body, headers, ...signalOf({ ...(signal ? { signal } : {}) }) });
    },
  };
}

/** Metadata as a query: texts as they are, everything else as JSON. @internal */
export function metadataQuery(metadata: Partial<ModuleMetadata>): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (value !== undefined) query[name] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  return query;
}

/** @internal */
export function signalOf(options: { readonly signal?: AbortSignal } | undefined): { signal?: AbortSignal } {
  return options?.signal ? { signal: options.signal } : {};
}
