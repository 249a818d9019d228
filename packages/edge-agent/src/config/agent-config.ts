import { arch, cpus } from 'node:os';
import { durationMs, durationSchema, positiveDurationSchema } from '@hotswap/core';
import { otlpEndpointSchema } from '@hotswap/protocol';
import { z } from 'zod';
import { totalMemoryBytes } from '../metrics/host-memory.ts';
import type { CapabilityGrants } from '../modules/capability-grants.ts';

/**
 * Everything an agent is told from outside, defaults filled in.
 * @public
 */
export interface AgentConfig {
  /** Name of the node, unique in the fleet. */
  readonly nodeId: string;
  readonly region: string;
  readonly zone?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly orchestratorApiUrl: string;
  /** File with certificates of authorities in PEM that are trusted beside those of Node when the server is asked. */
  readonly caFile?: string;
  /** Runtime adapter by name. */
  readonly runtime: string;
  /** What the operator expects; a differing real version is warned about and otherwise ignored (D-21). */
  readonly runtimeVersion?: string;
  /** What the runtime may use although it may still change. */
  readonly experimental: readonly 'preview3'[];
  readonly maxModules: number;
  /** Until the server says otherwise. */
  readonly heartbeatIntervalMs: number;
  readonly hardware: { readonly cpuCores: number; readonly totalMemoryMB: number; readonly architecture: string };
  readonly dataDirectory: string;
  readonly dataPlaneHost: string;
  /** 0 takes any free port. */
  readonly dataPlanePort: number;
  /** Base URL under which the gateway reaches the data plane; absent: built from host and port. */
  readonly dataPlaneUrl?: string;
  /** Address of the public port. */
  readonly httpHost: string;
  /** Port on which anyone reaches public modules; 0: there is none. */
  readonly httpPort: number;
  /** Base URL under which proxies reach the public port; absent: built from host and port. */
  readonly httpUrl?: string;
  /** Certificate and key of the public port; absent: plain HTTP. */
  readonly httpTls?: { readonly certFile: string; readonly keyFile: string };
  /** Addresses and networks of proxies that choose versions for their clients. */
  readonly trustedProxies: readonly string[];
  /** Address on which Prometheus asks the node. */
  readonly metricsHost: string;
  /** Port of it; 0: there is none. */
  readonly metricsPort: number;
  /** OTLP receiver for traces over HTTP; absent: nothing is traced. */
  readonly otlpEndpoint?: string;
  readonly joinToken?: string;
  readonly joinTokenFile?: string;
  readonly cacheMaxSizeBytes: number;
  /** Versions of a module that stay on disk beside those in use and the last baseline. */
  readonly keepVersions: number;
  /** Memory and lines of the node's log, which holds the last ones. */
  readonly log: { readonly maxBytes: number; readonly maxLines: number };
  readonly grants: CapabilityGrants;
  readonly drainGraceMs: number;
  readonly drainDeadlineMs: number;
  readonly loadConcurrency: number;
  /** How long failed pulls are tried again before a release counts as failed. */
  readonly loadRetryMs: number;
  readonly logLevel: string;
}

const text = z.string().min(1);
const id = text
  .max(100)
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9]))*$/,
    'must be letters, digits, ., _ and -, and begin with a letter or digit',
  );
const place = text.max(60).regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and -');
const ms = (schema: typeof durationSchema): z.ZodType<number, unknown> => schema.transform(durationMs);
const integer = z.coerce.number<unknown>().pipe(z.int());

const hardware = z.strictObject({
  CpuCores: z
    .number()
    .positive()
    .default(() => cpus().length),
  TotalMemoryMB: z
    .number()
    .positive()
    .default(() => Math.round(totalMemoryBytes() / 1_048_576)),
  Architecture: text.default(() => (arch() === 'x64' ? 'x86_64' : arch())),
});

const fileSchema = z.strictObject({
  /** Name of the node, unique in the fleet. */
  NodeId: id,
  /** Where it is; deployments name regions as targets. */
  Region: place,
  /** Part of the region, for selectors. */
  Zone: place.exactOptional(),
  /** Free names and values, for selectors. */
  Labels: z.record(text.max(63), z.string().max(255)).default({}),
  /** Base URL of the server. */
  OrchestratorApiUrl: z.url({ protocol: /^https?$/ }),
  /** File with certificates of authorities in PEM, trusted beside those that Node knows when the server is asked. */
  CaFile: text.exactOptional(),
  /** Runtime adapter by name. */
  Runtime: text.default('Wasmtime'),
  RuntimeVersion: text.exactOptional(),
  /** What works but may still change, by name; `preview3` is WASI 0.3 on Wasmtime. Default none. */
  Experimental: z.array(z.enum(['preview3'])).default([]),
  /** Most module names that the node takes. */
  MaxModules: integer.pipe(z.int().min(1).max(1_000_000)).default(1_000),
  /** Time between heartbeats until the server says otherwise. Default PT30S. */
  HeartbeatInterval: ms(positiveDurationSchema).default(30_000),
  /** `CpuCores`, `TotalMemoryMB` and `Architecture` as the server is told. Default: what the machine has. */
  Hardware: hardware.prefault({}),
  /** Credential, module cache, compiled code and applied state. */
  DataDirectory: text.default('hotswap-agent-data'),
  /** Address on which calls arrive. */
  DataPlaneHost: text.default('127.0.0.1'),
  /** 0 takes any free port. */
  DataPlanePort: integer.pipe(z.int().min(0).max(65_535)).default(0),
  DataPlaneUrl: z.url({ protocol: /^https?$/ }).exactOptional(),
  /** Address on which modules are reached by anyone, as their own `http` field says. */
  HttpHost: text.default('127.0.0.1'),
  /** Port of it; 0 (default) opens none. */
  HttpPort: integer.pipe(z.int().min(0).max(65_535)).default(0),
  /** Base URL under which proxies in front of the fleet reach that port. Default: built from host and port. */
  HttpUrl: z.url({ protocol: /^https?$/ }).exactOptional(),
  /** File with the certificate chain of that port, in PEM; a renewed one is taken up while it runs. */
  HttpTlsCertFile: text.exactOptional(),
  /** File with the key to it, in PEM. */
  HttpTlsKeyFile: text.exactOptional(),
  /**
   * IP addresses, and networks such as `10.0.0.0/8`, of the proxies in front of that port: what they name as the version of
   * a request is taken, so that a client stays on its version on every node. Default none.
   */
  TrustedProxies: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'must be an IP address or a network'))
    .default([]),
  /** Address on which a Prometheus server may ask the node for `/metrics`. Nobody is asked who they are. */
  MetricsHost: text.default('127.0.0.1'),
  /** Port of it; 0 (default) opens none. */
  MetricsPort: integer.pipe(z.int().min(0).max(65_535)).default(0),
  /** OTLP receiver for traces over HTTP, e.g. `http://localhost:4318`; without one nothing is traced. */
  OtlpEndpoint: otlpEndpointSchema.exactOptional(),
  /** Token with which the node joins the first time. Never a flag: other users can read arguments. */
  JoinToken: text.exactOptional(),
  /** File that holds the join token. */
  JoinTokenFile: text.exactOptional(),
  /** Most mebibytes of module bytes on disk. */
  CacheMaxSizeMB: integer.pipe(z.int().min(1)).default(20_480),
  /** Versions of each module that stay on disk beside those in use and the last baseline, room permitting. */
  KeepVersions: integer.pipe(z.int().min(0).max(1_000)).default(2),
  /** Most mebibytes of memory for what modules write and what becomes of them; old lines make room. Default 8. */
  LogBufferMB: integer.pipe(z.int().min(1).max(1_024)).default(8),
  /** Most lines of it. Default 20,000. */
  LogBufferLines: integer.pipe(z.int().min(100).max(1_000_000)).default(20_000),
  /** Environment variables that releases may set, `APP_*` allowed. */
  Env: z.array(text).default([]),
  /** Folders that releases may ask for, by name: `{"assets": {"Path": "/srv/assets", "ReadOnly": true}}`. */
  Dirs: z.record(text, z.strictObject({ Path: text, ReadOnly: z.boolean().default(true) })).default({}),
  /** Hosts that releases may ask for: `*.example.com`, `https://host` and `host:port` are possible. */
  AllowedHosts: z.array(text).default([]),
  /** Whether allowed hosts may be in a private network or on this machine. Default: they may not. */
  AllowPrivateAddresses: z.stringbool().or(z.boolean()).default(false),
  /** How long a dropped release goes on answering requests that are pinned to it. Default PT5S. */
  DrainGrace: ms(durationSchema).default(5_000),
  /** How long the requests in work may take after that. Default PT30S. */
  DrainDeadline: ms(durationSchema).default(30_000),
  /** Releases that are loaded at one time. */
  LoadConcurrency: integer.pipe(z.int().min(1).max(64)).default(4),
  /** How long failed pulls are tried again before a release counts as failed. Default PT30S. */
  LoadRetry: ms(durationSchema).default(30_000),
  /** One JSON line each on standard output. */
  LogLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/** Keys of the configuration file, as they are written there. @internal */
export const configKeys: readonly string[] = Object.keys(fileSchema.shape);

/** Keys whose values are secrets: from the environment or a file, never an argument, which other users can read. @internal */
export const secretKeys: ReadonlySet<string> = new Set(['JoinToken']);

/** Keys with values that are not plain text; environment variables hold them as JSON. @internal */
export const structuredKeys: ReadonlySet<string> = new Set([
  'Labels',
  'Hardware',
  'Env',
  'Dirs',
  'AllowedHosts',
  'Experimental',
  'TrustedProxies',
]);

function readTls({
  HttpTlsCertFile: certFile,
  HttpTlsKeyFile: keyFile,
}: z.infer<typeof fileSchema>): Pick<AgentConfig, 'httpTls'> {
  return certFile === undefined || keyFile === undefined ? {} : { httpTls: { certFile, keyFile } };
}

/** Reads the merged keys (AGT-2 and ours). @internal */
export const agentConfigSchema: z.ZodType<AgentConfig, unknown> = fileSchema
  .refine(
    (file) => (file.HttpTlsCertFile === undefined) === (file.HttpTlsKeyFile === undefined),
    'HttpTlsCertFile and HttpTlsKeyFile belong together',
  )
  .transform((file): AgentConfig => ({
    nodeId: file.NodeId,
    region: file.Region,
    ...(file.Zone === undefined ? {} : { zone: file.Zone }),
    labels: file.Labels,
    orchestratorApiUrl: file.OrchestratorApiUrl.replace(/\/+$/, ''),
    ...(file.CaFile === undefined ? {} : { caFile: file.CaFile }),
    runtime: file.Runtime,
    ...(file.RuntimeVersion === undefined ? {} : { runtimeVersion: file.RuntimeVersion }),
    experimental: file.Experimental,
    maxModules: file.MaxModules,
    heartbeatIntervalMs: file.HeartbeatInterval,
    hardware: {
      cpuCores: file.Hardware.CpuCores,
      totalMemoryMB: file.Hardware.TotalMemoryMB,
      architecture: file.Hardware.Architecture,
    },
    dataDirectory: file.DataDirectory,
    dataPlaneHost: file.DataPlaneHost,
    dataPlanePort: file.DataPlanePort,
    ...(file.DataPlaneUrl === undefined ? {} : { dataPlaneUrl: file.DataPlaneUrl.replace(/\/+$/, '') }),
    httpHost: file.HttpHost,
    httpPort: file.HttpPort,
    ...(file.HttpUrl === undefined ? {} : { httpUrl: file.HttpUrl.replace(/\/+$/, '') }),
    ...readTls(file),
    trustedProxies: file.TrustedProxies,
    metricsHost: file.MetricsHost,
    metricsPort: file.MetricsPort,
    ...(file.OtlpEndpoint === undefined ? {} : { otlpEndpoint: file.OtlpEndpoint }),
    ...(file.JoinToken === undefined ? {} : { joinToken: file.JoinToken }),
    ...(file.JoinTokenFile === undefined ? {} : { joinTokenFile: file.JoinTokenFile }),
    cacheMaxSizeBytes: file.CacheMaxSizeMB * 1_048_576,
    keepVersions: file.KeepVersions,
    log: { maxBytes: file.LogBufferMB * 1_048_576, maxLines: file.LogBufferLines },
    grants: {
      env: file.Env,
      dirs: Object.fromEntries(
        Object.entries(file.Dirs).map(([name, dir]) => [name, { path: dir.Path, readOnly: dir.ReadOnly }]),
      ),
      allowedHosts: file.AllowedHosts,
      privateAddresses: file.AllowPrivateAddresses,
    },
    drainGraceMs: file.DrainGrace,
    drainDeadlineMs: file.DrainDeadline,
    loadConcurrency: file.LoadConcurrency,
    loadRetryMs: file.LoadRetry,
    logLevel: file.LogLevel,
  }));
