export { canaryConfigSchema } from './canary-options.ts';
export type { CanaryConfig } from './canary-options.ts';
export { canary } from './canary-strategy.ts';
