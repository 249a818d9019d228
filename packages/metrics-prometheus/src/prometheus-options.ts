import { z } from 'zod';
import { prometheusError } from './error-codes.ts';

/** @public */
export interface PrometheusOptions {
  /** URL of the Prometheus server, with the path below which its API is. Nothing else is ever asked. */
  readonly baseUrl: string;
  /** Environment variable with the value of the `Authorization` header, read at each query. Default `HOTSWAP_PROMETHEUS_AUTHORIZATION`. */
  readonly authorizationVariable?: string;
  /** Default: that of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Time for one answer. Default 2,000. */
  readonly timeoutMs?: number;
  /** Time for which an answer is taken again for the same question. Default 5,000. */
  readonly cacheMs?: number;
  /** Time from a shift of traffic until there can be data: two scrapes, for a rate. Default 60,000. */
  readonly settleMs?: number;
  /** Called with what went wrong. Default: does nothing. */
  readonly onError?: (error: unknown) => void;
}

/** Options with every default filled in. @internal */
export interface PrometheusSettings {
  /** Where instant queries go. */
  readonly endpoint: URL;
  readonly authorization: () => string | undefined;
  readonly timeoutMs: number;
  readonly cacheMs: number;
  readonly settleMs: number;
  readonly onError: (error: unknown) => void;
}

const times = z.object({
  timeoutMs: z.number().positive().max(60_000).default(2_000),
  cacheMs: z.number().min(0).max(3_600_000).default(5_000),
  settleMs: z.number().min(0).max(3_600_000).default(60_000),
});

/** @throws HS_CONFIG_PROMETHEUS_INVALID @internal */
export function readOptions(options: PrometheusOptions): PrometheusSettings {
  const read = times.safeParse({
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.cacheMs === undefined ? {} : { cacheMs: options.cacheMs }),
    ...(options.settleMs === undefined ? {} : { settleMs: options.settleMs }),
  });
  if (!read.success) throw prometheusError('HS_CONFIG_PROMETHEUS_INVALID', { why: z.prettifyError(read.error) });
  const { authorizationVariable = 'HOTSWAP_PROMETHEUS_AUTHORIZATION', environment = process.env } = options;
  return {
    ...read.data,
    endpoint: readEndpoint(options.baseUrl),
    authorization: () => environment[authorizationVariable],
    onError: options.onError ?? ((): void => undefined),
  };
}

function readEndpoint(text: string): URL {
  const invalid = (why: string): Error => prometheusError('HS_CONFIG_PROMETHEUS_INVALID', { why });
  const base = URL.parse(text);
  if (base === null) throw invalid('the address is no URL');
  if (base.protocol !== 'http:' && base.protocol !== 'https:') throw invalid('the address is not of http or https');
  if (base.username !== '' || base.password !== '')
    throw invalid('the address holds a password: put the authorization into the environment');
  if (base.search !== '' || base.hash !== '') throw invalid('the address has a query or a fragment');
  return new URL('api/v1/query', base.href.endsWith('/') ? base : `${base.href}/`);
}
