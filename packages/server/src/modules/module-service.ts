import {
  defaultModuleRuntime,
  defaultResourceLimits,
  durationMs,
  httpServingOf,
  isHotSwapError,
  noCapabilities,
} from '@hotswap/core';
import type {
  Capabilities,
  ModuleDescription,
  ModuleRecord,
  ModuleStore,
  ResourceLimits,
  RuntimeHost,
} from '@hotswap/core';
import { decodeBase64, type CheckedModuleMetadata, type ModuleReport } from '@hotswap/protocol';
import type { ServerConfig } from '../config/schema.ts';
import { serverError } from '../error-codes.ts';
import type { Principal } from '../auth/principal.ts';
import type { ModuleRegistry } from '../ports/module-registry.ts';
import { checkModule } from './check-module.ts';
import { KeyedLock } from './keyed-lock.ts';
import { toWasmUpload, type WasmUpload } from './wasm-upload.ts';

/** @internal */
export interface ModuleServiceParts {
  readonly config: ServerConfig;
  readonly runtime: Pick<RuntimeHost, 'inspect'>;
  readonly store: ModuleStore;
  readonly modules: ModuleRegistry;
  /** Called for each version that was registered anew. Default: nobody counts. */
  readonly onRegistered?: () => void;
}

/** Somebody else may register the same next version at the same moment; that often it is tried anew. */
const maxVersionTries = 5;

/** Takes modules in: looks at them without running them, keeps their bytes by digest, registers the version. @internal */
export class ModuleService {
  readonly #parts: ModuleServiceParts;
  readonly #ofDigest = new KeyedLock();

  constructor(parts: ModuleServiceParts) {
    this.#parts = parts;
  }

  /**
   * The bytes of a JSON upload.
   * @throws HS_REGISTRY_INVALID_BASE64, HS_LIMIT_MODULE_SIZE
   */
  decode(wasmBinary: string): WasmUpload {
    const limitBytes = this.#parts.config.maxWasmSizeBytes;
    const bytes = decodeBase64(wasmBinary);
    if (bytes === null)
      throw serverError('HS_REGISTRY_INVALID_BASE64', {
        errors: [{ pointer: '/wasmBinary', detail: 'is not canonical base64 with padding' }],
      });
    if (bytes.byteLength > limitBytes) throw serverError('HS_LIMIT_MODULE_SIZE', { limitBytes });
    return toWasmUpload(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /**
   * @throws HS_REGISTRY_INVALID_BINARY, HS_REGISTRY_WASI_MISMATCH, HS_REGISTRY_INTERFACE_EXCEEDED,
   * HS_REGISTRY_HEALTH_FUNCTION_MISSING, HS_REGISTRY_SERVES_NO_HTTP, HS_LIMIT_RESOURCES, HS_REGISTRY_MODULE_EXISTS
   */
  async register(
    upload: WasmUpload,
    metadata: CheckedModuleMetadata,
    author: Principal,
  ): Promise<{ readonly module: ModuleRecord; readonly created: boolean }> {
    const { config, store } = this.#parts;
    const resourceLimits = limitsOf(metadata.resourceLimits, config);
    const description = await this.#inspect(upload);
    const [problem] = checkModule(description, metadata);
    if (problem) throw problem;
    return this.#ofDigest.run(upload.digest, async () => {
      // Bytes first: a registered module without bytes could not be deployed, bytes without a module harm nobody.
      await store.put(upload.digest, once(upload.bytes), { maxSizeBytes: config.maxWasmSizeBytes });
      return this.#insert(metadata, {
        tenant: author.tenant,
        name: metadata.name,
        digest: upload.digest,
        sizeBytes: upload.bytes.byteLength,
        description,
        wasiVersion: description.wasiLevel,
        interfaces: metadata.interfaces ?? null,
        resourceLimits,
        capabilities: capabilitiesOf(metadata.capabilities),
        http: metadata.http ?? null,
        runtime: metadata.runtime ?? defaultModuleRuntime,
        allowedRegions: metadata.allowedRegions ?? null,
        healthCheck: metadata.healthCheck ?? {},
        createdBy: author.subject,
      });
    });
  }

  /**
   * Deletes a version that nothing uses, and its bytes when no other version has the same. Nobody can register those
   * bytes anew in between. `seen`: only that one, and none that was registered since under its id.
   * @throws HS_REGISTRY_MODULE_NOT_FOUND, HS_REGISTRY_MODULE_IN_USE, HS_STORE_STALE
   */
  async delete(tenant: string, moduleId: string, seen?: ModuleRecord): Promise<void> {
    const { store, modules } = this.#parts;
    const { digest } = await modules.get(tenant, moduleId);
    await this.#ofDigest.run(digest, async () => {
      const { lastOfDigest } = await modules.delete(tenant, moduleId, seen);
      if (lastOfDigest) await store.delete(digest);
    });
  }

  async #insert(
    { version: asked }: CheckedModuleMetadata,
    module: Omit<ModuleRecord, 'createdAt' | 'moduleId' | 'version'>,
  ): Promise<{ readonly module: ModuleRecord; readonly created: boolean }> {
    const { modules, onRegistered } = this.#parts;
    for (let tries = 1; ; tries++) {
      const version = asked ?? (await modules.nextVersion(module.tenant, module.name));
      try {
        const inserted = await modules.insert({ ...module, version, moduleId: `${module.name}-v${version}` });
        if (inserted.created) onRegistered?.();
        return inserted;
      } catch (error) {
        const isTaken = isHotSwapError(error, 'HS_REGISTRY_MODULE_EXISTS');
        if (asked !== undefined || tries >= maxVersionTries || !isTaken) throw error;
      }
    }
  }

  /** Looks at a binary without keeping it; what is wrong is in the report, never thrown. */
  async report(upload: WasmUpload, metadata: Partial<CheckedModuleMetadata>): Promise<ModuleReport> {
    const base = { sizeBytes: upload.bytes.byteLength, digest: upload.digest };
    let description: ModuleDescription;
    try {
      description = await this.#inspect(upload);
    } catch (error) {
      if (!isHotSwapError(error, 'HS_REGISTRY_INVALID_BINARY')) throw error;
      return { valid: false, problems: [error.message], ...base };
    }
    const problems = checkModule(description, metadata).map((problem) => problem.message);
    return { ...base, ...describedBy(description), valid: problems.length === 0, problems };
  }

  /** The same for a module that is registered. */
  recheck(module: ModuleRecord): ModuleReport {
    const { description, digest, sizeBytes, interfaces, wasiVersion, healthCheck, http } = module;
    const problems = checkModule(description, {
      wasiVersion,
      healthCheck,
      http,
      ...(interfaces === null ? {} : { interfaces }),
    }).map((problem) => problem.message);
    return { digest, sizeBytes, ...describedBy(description), valid: problems.length === 0, problems };
  }

  async #inspect(upload: WasmUpload): Promise<ModuleDescription> {
    const { bytes } = upload;
    const isWasm = bytes.byteLength >= 8 && bytes.readUInt32BE(0) === 0x0061736d;
    if (!isWasm)
      throw serverError('HS_REGISTRY_INVALID_BINARY', { why: 'it does not begin with the WebAssembly magic number' });
    try {
      return await this.#parts.runtime.inspect(bytes);
    } catch (error) {
      if (!isHotSwapError(error) || (error.httpStatus !== 422 && error.httpStatus !== 400)) throw error;
      const reason = error.details['reason'];
      throw serverError(
        'HS_REGISTRY_INVALID_BINARY',
        { why: typeof reason === 'string' ? reason : error.message },
        error,
      );
    }
  }
}

/** What a module gets that does not say (RUN-9). */
function usualLimits(config: ServerConfig): ResourceLimits {
  return {
    ...defaultResourceLimits,
    maxMemoryMB: config.memoryLimitBytes / 1_048_576,
    maxExecutionTime: config.executionTimeout,
    maxInputSize: config.maxInputSizeBytes,
  };
}

/** Fills defaults and holds limits to the server's ceilings (D-20). @throws HS_LIMIT_RESOURCES @internal */
export function limitsOf(
  given: Partial<ResourceLimits> | undefined,
  config: ServerConfig,
  base: ResourceLimits = usualLimits(config),
): ResourceLimits {
  const limits = { ...base, ...given };
  if (limits.maxMemoryMB > config.maxMemoryCeilingMB) {
    throw serverError('HS_LIMIT_RESOURCES', {
      limit: 'maxMemoryMB',
      asked: limits.maxMemoryMB,
      ceiling: config.maxMemoryCeilingMB,
    });
  }
  if (durationMs(limits.maxExecutionTime) > durationMs(config.maxExecutionTimeCeiling)) {
    throw serverError('HS_LIMIT_RESOURCES', {
      limit: 'maxExecutionTime',
      asked: limits.maxExecutionTime,
      ceiling: config.maxExecutionTimeCeiling,
    });
  }
  return limits;
}

/** @internal */
export function capabilitiesOf(
  given: Partial<Capabilities> | undefined,
  base: Capabilities = noCapabilities,
): Capabilities {
  return { ...base, ...given };
}

function describedBy(
  description: ModuleDescription,
): Omit<ModuleReport, 'valid' | 'problems' | 'sizeBytes' | 'digest'> {
  const { kind, wasiLevel, imports, exports, functions, isCommand, wit } = description;
  return {
    kind,
    wasiVersion: wasiLevel,
    imports,
    exports,
    functions,
    isCommand,
    servesHttp: httpServingOf(description),
    ...(wit === undefined ? {} : { wit }),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  const chunkBytes = 1_048_576;
  for (let from = 0; from < bytes.byteLength || from === 0; from += chunkBytes)
    yield bytes.subarray(from, from + chunkBytes);
  await Promise.resolve();
}
