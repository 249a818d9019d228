import { isIP } from 'node:net';
import { z } from 'zod';
import { positiveDurationSchema, type Duration } from '@hotswap/core';
import { otlpEndpointSchema } from '@hotswap/protocol';
import { postgresUrl, redisUrl } from './connection-strings.ts';
import { weaknessOf } from './secret-strength.ts';

/** Configuration of one server process, with every default filled in. @public */
export interface ServerConfig {
  /** One server is one environment (D-17). Default `Development`. */
  readonly environment: 'Development' | 'Staging' | 'Production';
  /** Default `127.0.0.1` in Development, `0.0.0.0` elsewhere. */
  readonly host: string;
  /** Port of plain HTTP. Default 5000; 0 takes a free one. */
  readonly port: number;
  /** Whether plain HTTP is served; `false` needs a certificate. Default `true`. */
  readonly plainHttp: boolean;
  /** Address of HTTPS. Absent: as `host`. */
  readonly httpsHost?: string;
  /** Port of HTTPS, which is served where a certificate is given. Default 5,001; 0 takes a free one. */
  readonly httpsPort: number;
  /**
   * Certificate chain in PEM with `certificateKeyFile`, or chain and key in one PFX file. Files that are replaced are taken
   * up while the server runs. Absent: no HTTPS.
   */
  readonly certificateFile?: string;
  /** Private key in PEM; belongs to a `certificateFile` in PEM. */
  readonly certificateKeyFile?: string;
  /** Secret: password of the PFX file or of the private key. */
  readonly certificatePassword?: string;
  /** `Strict-Transport-Security` of answers over HTTPS; empty: none is sent. Default `max-age=31536000; includeSubDomains`. */
  readonly strictTransportSecurity: string;
  /** Embedded database, module bytes and the local admin's credential. Default `./.hotswap`. */
  readonly dataDir: string;
  /** `postgres://` URL, or `Host=...;Database=...`. Absent: PGlite in the data directory. */
  readonly databaseUrl?: string;
  /** Secret: password for a `databaseUrl` that has none. */
  readonly databasePassword?: string;
  /** `redis://` or `rediss://` URL, or `host:6379,password=...`. Absent: no Redis is used. */
  readonly redisUrl?: string;
  /** Secret: password for a `redisUrl` that has none. */
  readonly redisPassword?: string;
  /** Secret: key that tokens of users are signed with, at least 32 characters. Absent: made at the first start and kept in the database. */
  readonly jwtSecretKey?: string;
  /** Who issues tokens of users. Default `HotSwap.Wasm.Api`. */
  readonly jwtIssuer: string;
  /** Whom tokens of users are for. Default `HotSwap.Wasm.Clients`. */
  readonly jwtAudience: string;
  /** How long a token of a user is good. Default PT1H. */
  readonly jwtExpiration: Duration;
  /** Modules that one principal may register in a minute. Absent: any number. */
  readonly moduleRegistrationsPerMinute?: number;
  /** Functions that one principal may call in a minute. Absent: any number. */
  readonly moduleExecutionsPerMinute?: number;
  /** Requests per minute of one address that prove to be nobody's. Default 300 in Production, else no limit. */
  readonly strangerRequestsPerMinute?: number;
  /** Requests per minute of an owner whose key or user has the tier `free`. Default 10. */
  readonly freeTierPerMinute: number;
  /** The same per day (UTC). Default 500. */
  readonly freeTierPerDay: number;
  /** Requests per minute of an owner whose key or user has the tier `basic`. Default 100. */
  readonly basicTierPerMinute: number;
  /** The same per day (UTC). Default 10,000. */
  readonly basicTierPerDay: number;
  /** Requests per minute of an owner whose key or user has the tier `pro`. Default 500. */
  readonly proTierPerMinute: number;
  /** The same per day (UTC). Default 50,000. */
  readonly proTierPerDay: number;
  /** Secret: what hashes of API keys are made with, 32 characters at least. Absent: one of the database's own. */
  readonly apiSalt?: string;
  /** Secret: the `jwtSecretKey` before this one; what it signed is believed until it expires. */
  readonly jwtPreviousSecretKey?: string;
  /** Keys of an identity provider (JWKS) whose tokens are taken beside the server's own. Absent: none are. */
  readonly identityJwksUrl?: string;
  /** `iss` of its tokens; belongs to `identityJwksUrl`. */
  readonly identityIssuer?: string;
  /** `aud` that its tokens must have. Default: `jwtAudience`. */
  readonly identityAudience?: string;
  /** Claim that holds the role, a text or a list. Default `role`. */
  readonly identityRoleClaim: string;
  /** Object store for module bytes, as `host:port` or a URL. Absent: they are kept in the data directory. */
  readonly s3Endpoint?: string;
  /** Whether an `s3Endpoint` without a scheme is spoken to over TLS. Default `false` in Development, else `true`. */
  readonly s3UseTls: boolean;
  /** Default `wasm-modules`. */
  readonly s3Bucket: string;
  /** Default `us-east-1`. */
  readonly s3Region: string;
  /** Name of the access key of the object store. */
  readonly s3AccessKey?: string;
  /** Secret: the access key itself. */
  readonly s3SecretKey?: string;
  /** Default `info`. */
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Level of what the HTTP layer logs by itself, one line for each request among it (`info`). Absent: as `logLevel`. */
  readonly frameworkLogLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Whether an admin other than the author has to execute. Default `false` in Development, else `true`. */
  readonly requireApproval: boolean;
  /** Largest module in bytes. Default 52,428,800. */
  readonly maxWasmSizeBytes: number;
  /** Input of one call in bytes where a module does not say. Default 1,048,576. */
  readonly maxInputSizeBytes: number;
  /** Time of one call where a module does not say. Default PT5S. */
  readonly executionTimeout: Duration;
  /** Linear memory in bytes where a module does not say, in whole mebibytes. Default 134,217,728. */
  readonly memoryLimitBytes: number;
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
  /**
   * Addresses and networks (`10.0.0.0/8`) of proxies that may say by `X-Forwarded-For` and `X-Forwarded-Proto` where a
   * request came from. Default none: the address of the connection is the client's, whatever a request says.
   */
  readonly trustedProxies: readonly string[];
  /** URL of a Prometheus server that rollback triggers may ask. Absent: they ask the nodes' own reports only. */
  readonly prometheusUrl?: string;
  /** Whether metrics are served. Default `true`. */
  readonly metricsEnabled: boolean;
  /** Where they are served to scrapers with the role `metrics` or `admin`. Default `/metrics`. */
  readonly metricsPath: string;
  /** OTLP receiver for traces over HTTP, e.g. `http://localhost:4318`. Absent: nothing is traced. */
  readonly otlpEndpoint?: string;
  /** Share of requests without a `traceparent` that are traced, 0 to 1; rollouts always are. Default 1. */
  readonly traceSampleRatio: number;
  /** Address that alerts are sent to as JSON. Absent: they are in the log and in event streams only. */
  readonly alertsWebhookUrl?: string;
  /** Secret: what alerts are signed with, at least 16 characters. Absent: they are not signed. */
  readonly alertsWebhookSecret?: string;
  /** File with the first admin's token, for servers without a development credential. */
  readonly adminTokenFile?: string;
  /**
   * Packages with further strategies: paths from the working directory, or names of installed packages. On the command
   * line and in the environment separated by commas. Default none.
   */
  readonly plugins: readonly string[];
}

const size = z.coerce.number().int().min(1_024).max(1_073_741_824);
const inputSize = z.coerce.number().int().min(0).max(1_073_741_824);
const memorySize = z.coerce.number().int().multipleOf(1_048_576).min(1_048_576).max(68_719_476_736);
const port = z.coerce.number().int().min(0).max(65_535);
const host = z.string().min(1).max(253);
/** Variables and flags are texts, so a bare number of seconds is one, too. */
const duration = z
  .union([z.string(), z.number()])
  .transform((given) => (typeof given === 'string' && /^\d+(?:\.\d+)?$/.test(given) ? Number(given) : given))
  .pipe(positiveDurationSchema);
const rate = z.coerce.number().int().min(1).max(1_000_000_000);
const secret = z.string().min(1).max(4_096);
const strongSecret = secret.superRefine((value, context) => {
  const message = weaknessOf(value);
  if (message !== null) context.addIssue({ code: 'custom', message });
});
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
const logLevel = level.pipe(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']));

const plugin = z.string().trim().min(1).max(1_000);
const list = z.union([
  z.array(plugin).readonly(),
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(plugin)),
]);

const network = z.string().trim().refine(isNetwork, 'must be an address, or a network such as 10.0.0.0/8');
const networks = z.union([
  z.array(network).readonly(),
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(network)),
]);

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    bits > 0 && rest.length === 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
  );
}

/** Reads the merged sources; texts of flags and environment are turned into numbers and booleans. @internal */
export const serverConfigSchema: z.ZodType<Partial<ServerConfig>, unknown> = z
  .strictObject({
    environment: environment.exactOptional(),
    host: host.exactOptional(),
    port: port.exactOptional(),
    plainHttp: flag.exactOptional(),
    httpsHost: host.exactOptional(),
    httpsPort: port.exactOptional(),
    certificateFile: z.string().min(1).exactOptional(),
    certificateKeyFile: z.string().min(1).exactOptional(),
    certificatePassword: secret.exactOptional(),
    strictTransportSecurity: z
      .string()
      .max(200)
      .regex(/^[\w=;" -]*$/, 'must be a header of the form max-age=31536000; includeSubDomains')
      .exactOptional(),
    dataDir: z.string().min(1).exactOptional(),
    databaseUrl: z.string().transform(postgresUrl).exactOptional(),
    databasePassword: secret.exactOptional(),
    redisUrl: z.string().transform(redisUrl).exactOptional(),
    redisPassword: secret.exactOptional(),
    jwtSecretKey: strongSecret.exactOptional(),
    jwtIssuer: z.string().min(1).max(200).exactOptional(),
    jwtAudience: z.string().min(1).max(200).exactOptional(),
    jwtExpiration: duration.exactOptional(),
    moduleRegistrationsPerMinute: rate.exactOptional(),
    moduleExecutionsPerMinute: rate.exactOptional(),
    strangerRequestsPerMinute: rate.exactOptional(),
    freeTierPerMinute: rate.exactOptional(),
    freeTierPerDay: rate.exactOptional(),
    basicTierPerMinute: rate.exactOptional(),
    basicTierPerDay: rate.exactOptional(),
    proTierPerMinute: rate.exactOptional(),
    proTierPerDay: rate.exactOptional(),
    apiSalt: strongSecret.exactOptional(),
    jwtPreviousSecretKey: strongSecret.exactOptional(),
    identityJwksUrl: z.url({ protocol: /^https?$/ }).exactOptional(),
    identityIssuer: z.string().min(1).max(1_000).exactOptional(),
    identityAudience: z.string().min(1).max(1_000).exactOptional(),
    identityRoleClaim: z.string().min(1).max(200).exactOptional(),
    s3Endpoint: z
      .string()
      .regex(/^(?:https?:\/\/)?[^\s/@]+\/?$/, 'must be host:port or a URL without a path')
      .exactOptional(),
    s3UseTls: flag.exactOptional(),
    s3Bucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be 3 to 63 lower-case letters, digits, dots and dashes')
      .exactOptional(),
    s3Region: z.string().min(1).max(60).exactOptional(),
    s3AccessKey: z.string().min(1).max(200).exactOptional(),
    s3SecretKey: secret.exactOptional(),
    logLevel: logLevel.exactOptional(),
    frameworkLogLevel: logLevel.exactOptional(),
    requireApproval: flag.exactOptional(),
    maxWasmSizeBytes: size.exactOptional(),
    maxInputSizeBytes: inputSize.exactOptional(),
    executionTimeout: duration.exactOptional(),
    memoryLimitBytes: memorySize.exactOptional(),
    retention: duration.exactOptional(),
    maxMemoryCeilingMB: z.coerce.number().min(1).max(65_536).exactOptional(),
    maxExecutionTimeCeiling: duration.exactOptional(),
    flappingStarts: z.coerce.number().int().min(0).max(1_000).exactOptional(),
    instanceId: z.string().min(1).max(200).exactOptional(),
    haproxySocket: z
      .string()
      .regex(/^(?:\/.+|[^/]+:\d+)$/, 'must be a path that begins with a slash, or host:port')
      .exactOptional(),
    haproxyMapFile: z.string().min(1).exactOptional(),
    trustedProxies: networks.exactOptional(),
    prometheusUrl: z.url({ protocol: /^https?$/ }).exactOptional(),
    metricsEnabled: flag.exactOptional(),
    metricsPath: z
      .string()
      .regex(/^(?!\/api\/)\/[\w./-]{1,100}$/, 'must be a path that begins with a slash, outside of /api')
      .exactOptional(),
    otlpEndpoint: otlpEndpointSchema.exactOptional(),
    traceSampleRatio: z.coerce.number().min(0).max(1).exactOptional(),
    alertsWebhookUrl: z.url({ protocol: /^https?$/ }).exactOptional(),
    alertsWebhookSecret: secret.min(16).exactOptional(),
    adminTokenFile: z.string().min(1).exactOptional(),
    plugins: list.exactOptional(),
  })
  .refine((config) => (config.haproxySocket === undefined) === (config.haproxyMapFile === undefined), {
    path: ['haproxyMapFile'],
    message: 'belongs to haproxySocket: give both or neither',
  })
  .refine((config) => (config.identityJwksUrl === undefined) === (config.identityIssuer === undefined), {
    path: ['identityIssuer'],
    message: 'belongs to identityJwksUrl: give both or neither',
  })
  .refine((config) => config.alertsWebhookSecret === undefined || config.alertsWebhookUrl !== undefined, {
    path: ['alertsWebhookSecret'],
    message: 'belongs to alertsWebhookUrl: give that too',
  })
  .refine((config) => config.certificateFile !== undefined || config.certificateKeyFile === undefined, {
    path: ['certificateKeyFile'],
    message: 'belongs to certificateFile: give that too',
  })
  .refine((config) => config.plainHttp !== false || config.certificateFile !== undefined, {
    path: ['plainHttp'],
    message: 'without plain HTTP there has to be HTTPS: give certificateFile',
  });

/** Keys whose values are secrets: never an argument, which other users can read, and never shown. @internal */
export const secretKeys: ReadonlySet<string> = new Set([
  'apiSalt',
  'alertsWebhookSecret',
  'certificatePassword',
  'databasePassword',
  'jwtPreviousSecretKey',
  'jwtSecretKey',
  'redisPassword',
  's3SecretKey',
]);

/** Environment variables by key; the first that is set wins. Names of the texts stand after our own. @internal */
export const environmentNames: Readonly<Record<keyof ServerConfig, readonly string[]>> = {
  environment: ['HOTSWAP_ENVIRONMENT', 'ENVIRONMENT'],
  host: ['HOTSWAP_HOST', 'SERVER_HOST'],
  port: ['HOTSWAP_PORT', 'SERVER_PORT'],
  plainHttp: ['HOTSWAP_PLAIN_HTTP'],
  httpsHost: ['HOTSWAP_HTTPS_HOST'],
  httpsPort: ['HOTSWAP_HTTPS_PORT'],
  certificateFile: ['HOTSWAP_CERTIFICATE_FILE', 'TLS_CERT_PATH'],
  certificateKeyFile: ['HOTSWAP_CERTIFICATE_KEY_FILE', 'TLS_KEY_PATH'],
  certificatePassword: ['HOTSWAP_CERTIFICATE_PASSWORD', 'CERT_PASSWORD'],
  strictTransportSecurity: ['HOTSWAP_STRICT_TRANSPORT_SECURITY'],
  dataDir: ['HOTSWAP_DATA_DIR'],
  databaseUrl: ['HOTSWAP_DATABASE_URL', 'DATABASE_URL'],
  databasePassword: ['HOTSWAP_DATABASE_PASSWORD', 'DB_PASSWORD'],
  redisUrl: ['HOTSWAP_REDIS_URL', 'REDIS_URL'],
  redisPassword: ['HOTSWAP_REDIS_PASSWORD', 'REDIS_PASSWORD'],
  jwtSecretKey: ['HOTSWAP_JWT_SECRET_KEY', 'JWT_SECRET_KEY'],
  jwtIssuer: ['HOTSWAP_JWT_ISSUER'],
  jwtAudience: ['HOTSWAP_JWT_AUDIENCE'],
  jwtExpiration: ['HOTSWAP_JWT_EXPIRATION'],
  moduleRegistrationsPerMinute: ['HOTSWAP_MODULE_REGISTRATIONS_PER_MINUTE'],
  moduleExecutionsPerMinute: ['HOTSWAP_MODULE_EXECUTIONS_PER_MINUTE'],
  strangerRequestsPerMinute: ['HOTSWAP_STRANGER_REQUESTS_PER_MINUTE'],
  freeTierPerMinute: ['HOTSWAP_FREE_TIER_PER_MINUTE', 'FREE_TIER_RATE_MINUTE'],
  freeTierPerDay: ['HOTSWAP_FREE_TIER_PER_DAY', 'FREE_TIER_RATE_DAY'],
  basicTierPerMinute: ['HOTSWAP_BASIC_TIER_PER_MINUTE', 'BASIC_TIER_RATE_MINUTE'],
  basicTierPerDay: ['HOTSWAP_BASIC_TIER_PER_DAY', 'BASIC_TIER_RATE_DAY'],
  proTierPerMinute: ['HOTSWAP_PRO_TIER_PER_MINUTE', 'PRO_TIER_RATE_MINUTE'],
  proTierPerDay: ['HOTSWAP_PRO_TIER_PER_DAY', 'PRO_TIER_RATE_DAY'],
  apiSalt: ['HOTSWAP_API_SALT', 'API_SALT'],
  jwtPreviousSecretKey: ['HOTSWAP_JWT_PREVIOUS_SECRET_KEY'],
  identityJwksUrl: ['HOTSWAP_IDENTITY_JWKS_URL'],
  identityIssuer: ['HOTSWAP_IDENTITY_ISSUER'],
  identityAudience: ['HOTSWAP_IDENTITY_AUDIENCE'],
  identityRoleClaim: ['HOTSWAP_IDENTITY_ROLE_CLAIM'],
  s3Endpoint: ['HOTSWAP_S3_ENDPOINT'],
  s3UseTls: ['HOTSWAP_S3_USE_TLS'],
  s3Bucket: ['HOTSWAP_S3_BUCKET'],
  s3Region: ['HOTSWAP_S3_REGION'],
  s3AccessKey: ['HOTSWAP_S3_ACCESS_KEY', 'MINIO_ACCESS_KEY'],
  s3SecretKey: ['HOTSWAP_S3_SECRET_KEY', 'MINIO_SECRET_KEY'],
  logLevel: ['HOTSWAP_LOG_LEVEL', 'LOG_LEVEL'],
  frameworkLogLevel: ['HOTSWAP_FRAMEWORK_LOG_LEVEL'],
  requireApproval: ['HOTSWAP_REQUIRE_APPROVAL'],
  maxWasmSizeBytes: ['HOTSWAP_MAX_WASM_SIZE', 'MAX_WASM_SIZE'],
  maxInputSizeBytes: ['HOTSWAP_MAX_INPUT_SIZE', 'MAX_INPUT_SIZE'],
  executionTimeout: ['HOTSWAP_EXECUTION_TIMEOUT', 'EXECUTION_TIMEOUT'],
  memoryLimitBytes: ['HOTSWAP_MEMORY_LIMIT', 'MEMORY_LIMIT'],
  retention: ['HOTSWAP_RETENTION'],
  maxMemoryCeilingMB: ['HOTSWAP_MAX_MEMORY_CEILING_MB'],
  maxExecutionTimeCeiling: ['HOTSWAP_MAX_EXECUTION_TIME_CEILING'],
  flappingStarts: ['HOTSWAP_FLAPPING_STARTS'],
  instanceId: ['HOTSWAP_INSTANCE_ID'],
  haproxySocket: ['HOTSWAP_HAPROXY_SOCKET'],
  haproxyMapFile: ['HOTSWAP_HAPROXY_MAP_FILE'],
  trustedProxies: ['HOTSWAP_TRUSTED_PROXIES'],
  prometheusUrl: ['HOTSWAP_PROMETHEUS_URL'],
  metricsEnabled: ['HOTSWAP_METRICS_ENABLED', 'PROMETHEUS_ENABLED'],
  metricsPath: ['HOTSWAP_METRICS_PATH', 'METRICS_ENDPOINT'],
  otlpEndpoint: ['HOTSWAP_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  traceSampleRatio: ['HOTSWAP_TRACE_SAMPLE_RATIO'],
  alertsWebhookUrl: ['HOTSWAP_ALERTS_WEBHOOK_URL'],
  alertsWebhookSecret: ['HOTSWAP_ALERTS_WEBHOOK_SECRET'],
  adminTokenFile: ['HOTSWAP_ADMIN_TOKEN_FILE'],
  plugins: ['HOTSWAP_PLUGINS'],
};
