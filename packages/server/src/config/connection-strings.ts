import { z } from 'zod';
import { nearestOf } from '@hotswap/core';
import { unshield } from './shielded-text.ts';

/** What a connection string comes to; shaped as zod's transforms want it. */
type Reader = (text: string, context: z.RefinementCtx) => string;

const postgresParts: Readonly<
  Record<string, 'host' | 'port' | 'database' | 'user' | 'password' | 'ssl' | 'trust' | 'name'>
> = {
  host: 'host',
  server: 'host',
  port: 'port',
  database: 'database',
  db: 'database',
  username: 'user',
  userid: 'user',
  user: 'user',
  password: 'password',
  pwd: 'password',
  sslmode: 'ssl',
  trustservercertificate: 'trust',
  applicationname: 'name',
};

/** How the driver is told what Npgsql's `SSL Mode` says. */
const sslModes: Readonly<Record<string, string>> = {
  disable: 'sslmode=disable',
  require: 'uselibpqcompat=true&sslmode=require',
  verifyfull: 'sslmode=verify-full',
};

/**
 * Reads a `postgres://` URL or Npgsql's `Host=...;Port=...;Database=...;Username=...;Password=...` into a URL. What is wrong
 * is told by key, never by value.
 * @internal
 */
export const postgresUrl: Reader = (text, context) => {
  if (/^postgres(?:ql)?:\/\//.test(text)) return unshield(text);
  const pairs = /^\s*[\w ]+=/.test(text) ? readPairs(text.trim()) : null;
  if (pairs === null) return refuse(context, 'must begin with postgres://, or be Host=...;Database=...;Username=...');
  const parts: Partial<Record<(typeof postgresParts)[string], string>> = {};
  for (const [name, value] of pairs) {
    const part = postgresParts[name.replaceAll(/[ _]/g, '').toLowerCase()];
    if (part === undefined)
      return refuse(context, `${name} is not known in a connection string${nearestOf(name, npgsqlNames)}`);
    parts[part] = unshield(value);
  }
  if (parts.host === undefined) return refuse(context, 'names no Host');
  if (parts.host.includes(',')) return refuse(context, 'names several hosts: name the primary');
  const options = [
    ...(parts.ssl === undefined || /^(?:prefer|allow)$/i.test(parts.ssl) ? [] : [sslMode(parts.ssl, parts.trust)]),
    ...(parts.name === undefined ? [] : [`application_name=${encodeURIComponent(parts.name)}`]),
  ];
  if (options.includes(undefined))
    return refuse(
      context,
      'SSL Mode has to be Disable, Prefer, Require or VerifyFull (with the file of an authority: a URL)',
    );
  const query = options.length === 0 ? '' : `?${options.join('&')}`;
  const port = parts.port === undefined ? '' : `:${parts.port}`;
  return `postgres://${credentials(parts.user, parts.password)}${parts.host}${port}/${encodeURIComponent(parts.database ?? parts.user ?? 'postgres')}${query}`;
};

const npgsqlNames = ['Host', 'Port', 'Database', 'Username', 'Password', 'SSL Mode', 'Application Name'];

function sslMode(mode: string, trust: string | undefined): string | undefined {
  const name = mode.replaceAll(/[ _-]/g, '').toLowerCase();
  return name === 'require' && trust?.toLowerCase() === 'true' ? 'sslmode=no-verify' : sslModes[name];
}

/** Options of a Redis connection string that say what this server does anyway. */
const withoutEffect: ReadonlySet<string> = new Set(['abortconnect', 'allowadmin', 'name']);
const redisNames = ['password', 'user', 'ssl', 'defaultDatabase', 'abortConnect', 'allowAdmin', 'name'];

/**
 * Reads a `redis://` URL or `host:6379,password=...,ssl=true` into a URL.
 * @internal
 */
export const redisUrl: Reader = (text, context) => {
  if (/^rediss?:\/\//.test(text)) return unshield(text);
  if (text.includes('://'))
    return refuse(context, 'must begin with redis:// or rediss://, or be host:port,password=...');
  const [endpoint = '', ...rest] = text.split(',').map((part) => part.trim());
  if (!/^[^\s=@/]+$/.test(endpoint)) return refuse(context, 'must begin with the address, as host:port');
  const options: Record<string, string> = {};
  for (const part of rest) {
    const at = part.indexOf('=');
    const name = part.slice(0, at).toLowerCase();
    if (at < 0) return refuse(context, 'names several addresses: name one');
    if (!redisNames.some((known) => known.toLowerCase() === name))
      return refuse(context, `${part.slice(0, at)} is not known in a connection string${nearestOf(name, redisNames)}`);
    if (!withoutEffect.has(name)) options[name] = unshield(part.slice(at + 1));
  }
  const scheme = options['ssl']?.toLowerCase() === 'true' ? 'rediss' : 'redis';
  const database = options['defaultdatabase'] === undefined ? '' : `/${encodeURIComponent(options['defaultdatabase'])}`;
  return `${scheme}://${credentials(options['user'], options['password'])}${endpoint.includes(':') ? endpoint : `${endpoint}:6379`}${database}`;
};

/** Puts a password into a URL that has none. @internal */
export function withPassword(url: string, password: string | undefined): string {
  if (password === undefined) return url;
  const [, scheme = '', user, rest = ''] = /^(\w+:\/\/)(?:([^@/?]*)@)?(.*)$/s.exec(url) ?? [];
  return user?.includes(':') === true ? url : `${scheme}${user ?? ''}:${encodeURIComponent(password)}@${rest}`;
}

function credentials(user: string | undefined, password: string | undefined): string {
  if (user === undefined && password === undefined) return '';
  return `${encodeURIComponent(user ?? '')}${password === undefined ? '' : `:${encodeURIComponent(password)}`}@`;
}

/** `name=value` pairs; a value in quotes may hold a semicolon. `null`: it is not made of such pairs. */
function readPairs(text: string): readonly (readonly [string, string])[] | null {
  const pattern = /\s*([^=;]+?)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^;]*))\s*(?:;\s*|$)/y;
  const pairs: (readonly [string, string])[] = [];
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text);
    if (found === null) return null;
    const [, name = '', double, single, plain = ''] = found;
    pairs.push([name, double ?? single ?? plain.trim()]);
  }
  return pairs;
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
