import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes that the source raises. Only `HS_CONFIG_PROMETHEUS_INVALID` is thrown; the others reach `onError`: a question without
 * an answer is missing data, and no rollout stands still for it.
 * @public
 */
export const prometheusErrorCodes = {
  HS_CONFIG_PROMETHEUS_INVALID: {
    message:
      'The options of the Prometheus source are not valid: {why}. Give the URL that the Prometheus server has, e.g. http://127.0.0.1:9090',
    httpStatus: 500,
  },
  HS_METRICS_UNREACHABLE: {
    message: 'Prometheus did not answer: {why}. Check that it runs, and that this server reaches it',
    httpStatus: 503,
    retryable: true,
  },
  HS_METRICS_REFUSED: {
    message: 'Prometheus refused the query `{query}`: {why}. Try it in the graph page of Prometheus',
    httpStatus: 502,
  },
  HS_METRICS_AMBIGUOUS: {
    message: 'The query `{query}` answers {why}: write it so that it answers one number, e.g. with sum() or max()',
    httpStatus: 422,
  },
  HS_METRICS_UNKNOWN_VARIABLE: {
    message: 'The query `{query}` has the variable {variable}, which is not known: there are {known}',
    httpStatus: 422,
  },
} as const;

/** Union of the source's codes. @public */
export type PrometheusErrorCode = keyof typeof prometheusErrorCodes;

/** Errors with the source's codes. @internal */
export const prometheusError: ErrorFactory<typeof prometheusErrorCodes> = errorFactory(prometheusErrorCodes);
