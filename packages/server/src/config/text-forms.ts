import { nearestOf } from '@hotswap/core';
import type { ServerConfig } from './schema.ts';

type Key = keyof ServerConfig;

/** A key of ours with where its value stood. @internal */
export interface FoundValue {
  readonly key: string;
  readonly value: unknown;
  /** Path in the file, when it is not the key itself. */
  readonly path?: string;
}

/** How a place in an `appsettings.json` is read: as one of our keys, as several, or as a mistake that it says how to mend. */
type Form = Key | ((value: unknown, path: string) => readonly FoundValue[]) | { readonly instead: string };

/**
 * Places in an `appsettings.json` and what they are here, in lower case: configuration names know no case there.
 * What stands at the top level in our own words (`Environment`, `RequireApproval`) needs no line.
 */
const forms: Readonly<Record<string, Form>> = {
  'connectionstrings.postgresql': 'databaseUrl',
  'connectionstrings.redis': 'redisUrl',
  'redis.connectionstring': 'redisUrl',
  'minio.endpoint': 's3Endpoint',
  'minio.accesskey': 's3AccessKey',
  'minio.secretkey': 's3SecretKey',
  'minio.usessl': 's3UseTls',
  'minio.bucketname': 's3Bucket',
  'minio.region': 's3Region',
  'jwt.secretkey': 'jwtSecretKey',
  'jwt.issuer': 'jwtIssuer',
  'jwt.audience': 'jwtAudience',
  'jwt.expirationminutes': (value, path) => [{ key: 'jwtExpiration', value: Number(value) * 60, path }],
  'ratelimiting.moduleregistration': 'moduleRegistrationsPerMinute',
  'ratelimiting.moduleexecution': 'moduleExecutionsPerMinute',
  'logging.loglevel.default': 'logLevel',
  'logging.loglevel.microsoft': 'frameworkLogLevel',
  'logging.loglevel.microsoft.aspnetcore': 'frameworkLogLevel',
  'opentelemetry.otlpendpoint': 'otlpEndpoint',
  'opentelemetry.jaegerendpoint': 'otlpEndpoint',
  'opentelemetry.sampleratio': 'traceSampleRatio',
  'kestrel.endpoints.http.url': (value, path) => endpoint(value, path, 'http', ['host', 'port']),
  'kestrel.endpoints.https.url': (value, path) => endpoint(value, path, 'https', ['httpsHost', 'httpsPort']),
  'kestrel.endpoints.https.certificate.path': 'certificateFile',
  'kestrel.endpoints.https.certificate.keypath': 'certificateKeyFile',
  'kestrel.endpoints.https.certificate.password': 'certificatePassword',
};

const sections = new Set(Object.keys(forms).map((path) => path.slice(0, path.indexOf('.'))));

/** What a file says, and what of it nobody understands. @internal */
export interface FileContent {
  readonly found: readonly FoundValue[];
  /** Sentences that name the key, without its value. */
  readonly problems: readonly string[];
}

/**
 * Reads the content of a configuration file: our keys, with a small or a capital letter in front, and the sections of an
 * `appsettings.json`.
 * @internal
 */
export function readTextForms(content: Readonly<Record<string, unknown>>, keys: readonly string[]): FileContent {
  const found: FoundValue[] = [];
  const problems: string[] = [];
  const known = new Set(keys);
  const names = [
    ...keys,
    'Logging',
    'ConnectionStrings',
    'Redis',
    'MinIO',
    'JWT',
    'RateLimiting',
    'Kestrel',
    'OpenTelemetry',
  ];
  for (const [name, value] of Object.entries(content)) {
    const key = `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
    if (known.has(key)) found.push({ key, value });
    else if (sections.has(name.toLowerCase())) readSection(name, value, found, problems);
    else problems.push(`${name} (from the file): there is no such key${nearestOf(name, names)}`);
  }
  const has = (path: string): boolean => found.some((one) => one.path?.toLowerCase().startsWith(path) === true);
  // Kestrel serves what it lists and nothing else.
  if (has('kestrel.endpoints.https.') && !has('kestrel.endpoints.http.'))
    found.push({ key: 'plainHttp', value: false, path: 'Kestrel.Endpoints' });
  return { found, problems };
}

function readSection(path: string, value: unknown, found: FoundValue[], problems: string[]): void {
  const form = forms[path.toLowerCase()];
  if (form === undefined) {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [name, member] of Object.entries(value)) readSection(`${path}.${name}`, member, found, problems);
    } else problems.push(`${path} (from the file): there is no such key${nearestOf(path, Object.keys(forms), 3)}`);
  } else if (typeof form === 'string') found.push({ key: form, value, path });
  else if (typeof form === 'function') found.push(...form(value, path));
  else problems.push(`${path} (from the file): ${form.instead}`);
}

/** `http://0.0.0.0:5000`, where `*` and `+` stand for every address, as an address and a port. */
function endpoint(
  value: unknown,
  path: string,
  scheme: 'http' | 'https',
  [hostKey, portKey]: readonly [Key, Key],
): readonly FoundValue[] {
  const parts = /^(https?):\/\/(\[[\da-f:.]+\]|[\w.*+-]+)(?::(\d{1,5}))?\/?$/i.exec(String(value));
  // Left as they are, so that the schema refuses them under the path.
  if (parts?.[1]?.toLowerCase() !== scheme) return [{ key: portKey, value: `not ${scheme}://host:port`, path }];
  const host = (parts[2] ?? '').replace(/^\[|\]$/g, '');
  return [
    { key: hostKey, value: /^[*+]$/.test(host) ? '0.0.0.0' : host, path },
    { key: portKey, value: parts[3] ?? (scheme === 'http' ? 80 : 443), path },
  ];
}
