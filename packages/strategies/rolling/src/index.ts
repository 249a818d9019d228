export { rollingConfigSchema } from './rolling-options.ts';
export type { RollingConfig } from './rolling-options.ts';
export { rolling } from './rolling-strategy.ts';
