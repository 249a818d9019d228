import { z } from 'zod';
import { positiveDurationSchema, type Duration } from '@hotswap/core';

/** Configuration of one server process, with every default filled in. @public */
export interface ServerConfig {
  /** One server is one environment (D-17). Default `Development`. */
  readonly environment: 'Development' | 'Staging' | 'Production';
  /** Default `127.0.0.1` in Development, `0.0.0.0` elsewhere. */
  readonly host: string;
  /** Default 5000; 0 takes a free one. */
  readonly port: number;
  /** Embedded database, module bytes and the local admin's credential. Default `./.hotswap`. */
  readonly dataDir: string;
  /** `postgres://` URL. Absent: PGlite in the data directory. */
  readonly databaseUrl?: string;
  /** Default `info`. */
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Whether an admin other than the author has to execute. Default `false` in Development, else `true`. */
  readonly requireApproval: boolean;
  /** Largest module in bytes. Default 52,428,800. */
  readonly maxWasmSizeBytes: number;
  /** How long a replaced release stays warm when a deployment does not say. Default PT1H. */
  readonly retention: Duration;
  /** Ceiling for a module's own memory limit in MB. Default 4,096. */
  readonly maxMemoryCeilingMB: number;
  /** Ceiling for a module's own time limit. Default PT60S. */
  readonly maxExecutionTimeCeiling: Duration;
  /** Starts within ten minutes that make a node one that flaps, which no new rollout takes; 0: none does. Default 3. */
  readonly flappingStarts: number;
  /** Name of this process in journals and on the revision board. Default: host name, process id and a random part. */
  readonly instanceId: string;
  /** Runtime API of an HAProxy in front of the fleet: a path of a Unix socket, or `host:port`. Absent: none is driven. */
  readonly haproxySocket?: string;
  /** The map file that its configuration names; belongs to `haproxySocket`. */
  readonly haproxyMapFile?: string;
  /** URL of a Prometheus server that rollback triggers may ask. Absent: they ask the nodes' own reports only. */
  readonly prometheusUrl?: string;
  /** File with the first admin's token, for servers without a development credential. */
  readonly adminTokenFile?: string;
  /**
   * Packages with further strategies: paths from the working directory, or names of installed packages. On the command
   * line and in the environment separated by commas. Default none.
   */
  readonly plugins: readonly string[];
}

const size = z.coerce.number().int().min(1_024).max(1_073_741_824);
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);
const environment = z
  .string()
  .transform((text) => `${text.slice(0, 1).toUpperCase()}${text.slice(1).toLowerCase()}`)
  .pipe(z.enum(['Development', 'Staging', 'Production']));
const level = z
  .string()
  .toLowerCase()
  .transform((text) =>
    text === 'information' ? 'info' : text === 'warning' ? 'warn' : text === 'critical' ? 'fatal' : text,
  );

const plugin = z.string().trim().min(1).max(1_000);
const list = z.union([
  z.array(plugin).readonly(),
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(plugin)),
]);

/** Reads the merged sources; texts of flags and environment are turned into numbers and booleans. @internal */
export const serverConfigSchema: z.ZodType<Partial<ServerConfig>, unknown> = z
  .strictObject({
    environment: environment.exactOptional(),
    host: z.string().min(1).max(253).exactOptional(),
    port: z.coerce.number().int().min(0).max(65_535).exactOptional(),
    dataDir: z.string().min(1).exactOptional(),
    databaseUrl: z
      .string()
      .regex(/^postgres(?:ql)?:\/\//, 'must begin with postgres://')
      .exactOptional(),
    logLevel: level.pipe(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])).exactOptional(),
    requireApproval: flag.exactOptional(),
    maxWasmSizeBytes: size.exactOptional(),
    retention: positiveDurationSchema.exactOptional(),
    maxMemoryCeilingMB: z.coerce.number().min(1).max(65_536).exactOptional(),
    maxExecutionTimeCeiling: positiveDurationSchema.exactOptional(),
    flappingStarts: z.coerce.number().int().min(0).max(1_000).exactOptional(),
    instanceId: z.string().min(1).max(200).exactOptional(),
    haproxySocket: z
      .string()
      .regex(/^(?:\/.+|[^/]+:\d+)$/, 'must be a path that begins with a slash, or host:port')
      .exactOptional(),
    haproxyMapFile: z.string().min(1).exactOptional(),
    prometheusUrl: z.url({ protocol: /^https?$/ }).exactOptional(),
    adminTokenFile: z.string().min(1).exactOptional(),
    plugins: list.exactOptional(),
  })
  .refine((config) => (config.haproxySocket === undefined) === (config.haproxyMapFile === undefined), {
    path: ['haproxyMapFile'],
    message: 'belongs to haproxySocket: give both or neither',
  });

/** Environment variables by key; the first that is set wins. Names of the texts stand after our own. @internal */
export const environmentNames: Readonly<Record<keyof ServerConfig, readonly string[]>> = {
  environment: ['HOTSWAP_ENVIRONMENT', 'ENVIRONMENT'],
  host: ['HOTSWAP_HOST', 'SERVER_HOST'],
  port: ['HOTSWAP_PORT', 'SERVER_PORT'],
  dataDir: ['HOTSWAP_DATA_DIR'],
  databaseUrl: ['HOTSWAP_DATABASE_URL', 'DATABASE_URL'],
  logLevel: ['HOTSWAP_LOG_LEVEL', 'LOG_LEVEL'],
  requireApproval: ['HOTSWAP_REQUIRE_APPROVAL'],
  maxWasmSizeBytes: ['HOTSWAP_MAX_WASM_SIZE', 'MAX_WASM_SIZE'],
  retention: ['HOTSWAP_RETENTION'],
  maxMemoryCeilingMB: ['HOTSWAP_MAX_MEMORY_CEILING_MB'],
  maxExecutionTimeCeiling: ['HOTSWAP_MAX_EXECUTION_TIME_CEILING'],
  flappingStarts: ['HOTSWAP_FLAPPING_STARTS'],
  instanceId: ['HOTSWAP_INSTANCE_ID'],
  haproxySocket: ['HOTSWAP_HAPROXY_SOCKET'],
  haproxyMapFile: ['HOTSWAP_HAPROXY_MAP_FILE'],
  prometheusUrl: ['HOTSWAP_PROMETHEUS_URL'],
  adminTokenFile: ['HOTSWAP_ADMIN_TOKEN_FILE'],
  plugins: ['HOTSWAP_PLUGINS'],
};
