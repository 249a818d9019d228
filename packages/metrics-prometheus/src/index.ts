export { prometheusErrorCodes } from './error-codes.ts';
export type { PrometheusErrorCode } from './error-codes.ts';
export { PrometheusMetricsSource } from './prometheus-metrics-source.ts';
export type { PrometheusOptions } from './prometheus-options.ts';
export { queryVariables } from './query-template.ts';
export type { QueryVariable } from './query-template.ts';
