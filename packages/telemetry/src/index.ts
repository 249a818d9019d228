export { BoundedLabel } from './bounded-label.ts';
export { registerHostMetrics } from './host-metrics.ts';
export type { HostMetricsOptions } from './host-metrics.ts';
export { MetricsRegistry } from './metrics-registry.ts';
export type { CountingMetric, DurationMetric, MetricSample } from './metrics-registry.ts';
export type { MetricLabels } from './metric-labels.ts';
export { SketchHistogram } from './sketch-histogram.ts';
export { openTracer } from './otlp-tracer.ts';
export type { OtlpTracer, TracingOptions } from './otlp-tracer.ts';
