import { z } from 'zod';
import { defaultInstanceReuse, defaultModuleRuntime, durationSchema, positiveDurationSchema } from '@hotswap/core';
import type { HttpAffinity, InstanceReuse, ModuleHttp, ModuleRuntime } from '@hotswap/core';

/** How a module is reached by HTTP, as an author writes it: what is left out gets its default. @public */
export interface ModuleHttpRequest {
  /** Default: any host. */
  readonly hosts?: readonly string[];
  /** Default `/`. */
  readonly pathPrefix?: string;
  /** Default `keys`. */
  readonly access?: 'public' | 'keys';
  /** Default `null`: the client's address. */
  readonly affinity?: HttpAffinity;
}

/** How a module is run, as an author writes it: what is left out gets its default. @public */
export interface ModuleRuntimeRequest {
  /** Default `null`: a fresh instance for each call. `{}` keeps instances with the defaults of {@link InstanceReuse}. */
  readonly reuse?: Partial<InstanceReuse> | null;
  readonly fuel?: number | null;
  readonly simd?: boolean;
  readonly aotCache?: boolean;
  readonly stateful?: boolean;
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const hostName = new RegExp(String.raw`^(?:\*\.)?(?:${label}\.)*${label}$`);
const dottedNumbers = /^\d+(?:\.\d+){3}$/;

/** Host names that a module answers to. */
const servedHost = z
  .string()
  .min(1)
  .max(253)
  .refine((host) => hostName.test(host), {
    error: 'must be a host name in lower case without scheme, port or path, such as shop.example.org or *.example.org',
  })
  .refine((host) => !host.startsWith('*.') || host.split('.').length > 2, {
    error: 'must name at least two labels after the *: a pattern over a whole top-level domain is refused',
  });

const segment = /^[\w.~!$&'()*+,;=:@-]+$/;
const pathPrefix = z
  .string()
  .max(500)
  .refine((path) => path === '/' || (path.startsWith('/') && path.slice(1).split('/').every(isPlainSegment)), {
    error: 'must be / or whole segments such as /shop/v2: no trailing slash, no empty, . or .. segment, no escapes',
  });

function isPlainSegment(text: string): boolean {
  return segment.test(text) && text !== '.' && text !== '..';
}

const token = /^[\w!#$%&'*+.^`|~-]{1,100}$/;
/** Name of a header that says something about a request, in lower case. @internal */
export const headerName: z.ZodType<string, unknown> = z
  .string()
  .refine((name) => token.test(name), { error: 'must be the name of a header: letters, digits and -' })
  .transform((name) => name.toLowerCase())
  .refine((name) => !hopByHop.has(name), { error: 'belongs to one connection and cannot tell clients apart' });
const hopByHop = new Set(['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'host']);
/** @internal */
export const cookieName: z.ZodType<string, unknown> = z
  .string()
  .refine((name) => token.test(name), { error: 'must be the name of a cookie' });

const affinity: z.ZodType<HttpAffinity, unknown> = z
  .union([z.strictObject({ header: headerName }), z.strictObject({ cookie: cookieName })], {
    error: 'must be {"header": NAME}, {"cookie": NAME} or null',
  })
  .nullable();

/** Reads an `http` block and fills in its defaults; unknown keys are refused. @public */
export const moduleHttpSchema: z.ZodType<ModuleHttp, unknown> = z
  .strictObject({
    hosts: z
      .array(servedHost)
      .max(100)
      .refine((hosts) => new Set(hosts).size === hosts.length, { error: 'names a host twice' })
      .default([]),
    pathPrefix: pathPrefix.default('/'),
    access: z.enum(['public', 'keys']).default('keys'),
    affinity: affinity.default(null),
  })
  .meta({ id: 'ModuleHttp' });

const reuse: z.ZodType<InstanceReuse, unknown> = z.strictObject({
  maxInstances: z.int().min(1).max(10_000).default(defaultInstanceReuse.maxInstances),
  maxCalls: z.int().min(1).max(1_000_000_000).default(defaultInstanceReuse.maxCalls),
  maxIdleTime: positiveDurationSchema.default(defaultInstanceReuse.maxIdleTime),
});

/** Reads a `runtime` block and fills in its defaults; unknown keys are refused. @public */
export const moduleRuntimeSchema: z.ZodType<ModuleRuntime, unknown> = z
  .strictObject({
    reuse: reuse.nullable().default(defaultModuleRuntime.reuse),
    fuel: z.int().min(1).nullable().default(defaultModuleRuntime.fuel),
    simd: z.boolean().default(defaultModuleRuntime.simd),
    aotCache: z.boolean().default(defaultModuleRuntime.aotCache),
    stateful: z.boolean().default(defaultModuleRuntime.stateful),
  })
  .refine((runtime) => runtime.reuse === null || !runtime.stateful, {
    error: 'is not together with stateful: a stateful module has one living instance',
    path: ['reuse'],
  })
  .meta({ id: 'ModuleRuntime' });

/** Reads an `http` block as servers write it; members that this version does not know are passed over. @internal */
export const moduleHttpViewSchema: z.ZodType<ModuleHttp> = z.object({
  hosts: z.array(z.string()),
  pathPrefix: z.string(),
  access: z.enum(['public', 'keys']),
  affinity: z.union([z.object({ header: z.string() }), z.object({ cookie: z.string() })]).nullable(),
});

/** Reads a `runtime` block as servers write it. @internal */
export const moduleRuntimeViewSchema: z.ZodType<ModuleRuntime> = z.object({
  reuse: z.object({ maxInstances: z.number(), maxCalls: z.number(), maxIdleTime: durationSchema }).nullable(),
  fuel: z.number().nullable(),
  simd: z.boolean(),
  aotCache: z.boolean(),
  stateful: z.boolean(),
});

const allowedHost = /^(?:(https?):\/\/)?(\*\.)?([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}|\*))?$/;

/**
 * Hosts that a module may send HTTP requests to: `api.example.org`, `*.example.org`, `host:port`, `https://host`.
 * Anything looser is refused: `*`, `*com`, `*.com`, paths, user names, upper case, numbers that are no address.
 * @public
 */
export const allowedHostSchema: z.ZodType<string, unknown> = z
  .string()
  .min(1)
  .max(253)
  .superRefine((text, context) => {
    const why = allowedHostProblem(text);
    if (why !== null) context.addIssue({ code: 'custom', message: why });
  });

function allowedHostProblem(text: string): string | null {
  if (text === '*') return 'must name hosts: a pattern for everything is refused';
  if (text !== text.toLowerCase()) return 'must be in lower case';
  const [, , wildcard, host = '', port] = allowedHost.exec(text) ?? [];
  if (host === '') {
    return 'must be a host such as api.example.org, *.example.org, host:8443 or https://host, without path or user';
  }
  if (port !== undefined && port !== '*' && (Number(port) < 1 || Number(port) > 65_535))
    return 'has no port of 1-65535';
  if (host.startsWith('[')) return wildcard === undefined ? null : 'must not put *. before an address';
  if (!hostName.test(host)) return 'is no host name';
  if (wildcard !== undefined && host.split('.').length < 2) {
    return 'must name at least two labels after the *: a pattern over a whole top-level domain is refused';
  }
  const last = host.split('.').at(-1) ?? '';
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(last)) {
    const isAddress =
      dottedNumbers.test(host) && host.split('.').every((part) => String(Number(part)) === part && Number(part) < 256);
    if (!isAddress || wildcard !== undefined) return 'is a number that is no address: write four decimal numbers';
  }
  return null;
}
