import type { Command } from 'commander';
import type { ModuleHttpRequest, ModuleMetadata, ModuleRuntimeRequest } from '@hotswap/protocol';
import { cliError } from '../error-codes.ts';
import { collect, jsonOption, positiveNumber } from '../option-values.ts';

/** Options of `push` that say how a module is reached by HTTP and run. @internal */
export interface ServingOptions {
  readonly http?: boolean | string;
  readonly httpAccess?: string;
  readonly httpHost?: readonly string[];
  readonly httpPrefix?: string;
  readonly affinity?: string;
  readonly runtime?: string;
  readonly reuse?: boolean | string;
  readonly fuel?: number;
  readonly stateful?: boolean;
  readonly allowedHost?: readonly string[];
  readonly allowedRegion?: readonly string[];
  readonly capabilities?: string;
}

/** @internal */
export function addServingOptions(command: Command): Command {
  return command
    .option('--http [json]', 'serve HTTP: with defaults, or a whole http block as JSON or @file')
    .option('--http-access <access>', 'serve HTTP: public, or keys for requests through the server only')
    .option(
      '--http-host <name>',
      'serve HTTP: a host name, e.g. shop.example.org or *.example.org; repeatable',
      collect,
    )
    .option('--http-prefix <path>', 'serve HTTP: below this path')
    .option('--affinity <key>', 'serve HTTP: keep clients on a version by header:NAME or cookie:NAME')
    .option('--runtime <json>', 'whole runtime block, as JSON or @file')
    .option('--reuse [instances]', 'keep instances for further calls; at most that many idle ones, default 8')
    .option('--fuel <units>', 'fuel of one call', positiveNumber)
    .option('--stateful', 'one living instance per node, whose state moves to the next version')
    .option('--allowed-host <host>', 'a host that it may send HTTP requests to; repeatable', collect)
    .option('--allowed-region <region>', 'a region that it never leaves; repeatable', collect)
    .option('--capabilities <json>', 'whole capabilities block, as JSON or @file');
}

/** What the options ask for, laid over what a module file says. @throws HS_CLI_INVALID_OPTION @internal */
export async function servingOf(
  options: ServingOptions,
  base: Partial<ModuleMetadata> = {},
): Promise<Pick<ModuleMetadata, 'http' | 'runtime' | 'capabilities' | 'allowedRegions'>> {
  const http = await httpOf(options, base.http ?? {});
  const runtime = await runtimeOf(options, base.runtime ?? {});
  const capabilities = {
    ...base.capabilities,
    ...(await blockOf('--capabilities', options.capabilities)),
    ...(options.allowedHost === undefined ? {} : { allowedHosts: options.allowedHost }),
  };
  return {
    ...(http === null ? (base.http === undefined ? {} : { http: base.http }) : { http }),
    ...(Object.keys(runtime).length === 0 ? {} : { runtime }),
    ...(options.allowedRegion === undefined ? {} : { allowedRegions: options.allowedRegion }),
    ...(Object.keys(capabilities).length === 0 ? {} : { capabilities }),
  };
}

/** `null`: no option speaks of HTTP. */
async function httpOf(options: ServingOptions, base: ModuleHttpRequest): Promise<ModuleHttpRequest | null> {
  const given = {
    ...(options.httpAccess === undefined ? {} : { access: options.httpAccess as 'public' | 'keys' }),
    ...(options.httpHost === undefined ? {} : { hosts: options.httpHost }),
    ...(options.httpPrefix === undefined ? {} : { pathPrefix: options.httpPrefix }),
    ...(options.affinity === undefined ? {} : { affinity: affinityOf(options.affinity) }),
  };
  if (options.http === undefined && Object.keys(given).length === 0) return null;
  const block = typeof options.http === 'string' ? await blockOf('--http', options.http) : {};
  return { ...base, ...block, ...given };
}

function affinityOf(text: string): { readonly header: string } | { readonly cookie: string } {
  const [, kind, name] = /^(header|cookie):(.+)$/.exec(text) ?? [];
  if (name === undefined)
    throw cliError('HS_CLI_INVALID_OPTION', { option: '--affinity', why: 'it must be header:NAME or cookie:NAME' });
  return kind === 'header' ? { header: name } : { cookie: name };
}

async function runtimeOf(options: ServingOptions, base: ModuleRuntimeRequest): Promise<ModuleRuntimeRequest> {
  return {
    ...base,
    ...(await blockOf('--runtime', options.runtime)),
    ...(options.reuse === undefined ? {} : { reuse: reuseOf(options.reuse) }),
    ...(options.fuel === undefined ? {} : { fuel: options.fuel }),
    ...(options.stateful === undefined ? {} : { stateful: options.stateful }),
  };
}

function reuseOf(value: boolean | string): NonNullable<ModuleRuntimeRequest['reuse']> {
  if (typeof value === 'boolean') return {};
  const maxInstances = Number(value);
  if (Number.isInteger(maxInstances) && maxInstances > 0) return { maxInstances };
  throw cliError('HS_CLI_INVALID_OPTION', { option: '--reuse', why: 'it must be a whole number above 0' });
}

async function blockOf(option: string, text: string | undefined): Promise<object> {
  if (text === undefined) return {};
  const block = await jsonOption(option, text);
  if (block !== null && typeof block === 'object' && !Array.isArray(block)) return block;
  throw cliError('HS_CLI_INVALID_OPTION', { option, why: 'it must be a JSON object' });
}
