import { autoRollbackSchema, type AutoRollback, type MetricsSource } from '@hotswap/core';
import { PrometheusMetricsSource } from '@hotswap/metrics-prometheus';

/** Goes into `metricsSources` of `createRolloutEngine`. */
export const metricsSources: Readonly<Record<string, MetricsSource>> = {
  prometheus: new PrometheusMetricsSource({ baseUrl: 'http://127.0.0.1:9090' }),
};

/** Goes into a deployment. */
export const autoRollback: AutoRollback = autoRollbackSchema.parse({
  triggers: [
    {
      metric: 'custom:checkout_failures',
      source: 'prometheus',
      query: 'sum(rate(checkout_failures_total{release="{{release}}"}[{{window}}]))',
      threshold: 0.5,
    },
  ],
});
