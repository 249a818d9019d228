export { resilienceErrorCodes } from './error-codes.ts';
export type { ResilienceErrorCode } from './error-codes.ts';
export type { GuardMetrics } from './guard-metrics.ts';
export { guardModule, GuardedModule } from './guard-module.ts';
export type { Guarded } from './guard-module.ts';
export { defaultBreaker, isModuleFailure } from './guard-options.ts';
export type {
  BreakerOptions,
  BreakerState,
  GuardedSource,
  GuardObservation,
  GuardOptions,
  ModuleFallback,
} from './guard-options.ts';
export { guardMetricsText } from './guard-metrics-text.ts';
export type { MetricsTextOptions } from './guard-metrics-text.ts';
export { guardLog } from './guard-log.ts';
export { readModuleSettings } from './module-settings.ts';
export type { ModuleSettings } from './module-settings.ts';
