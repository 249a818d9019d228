export { regionalConfigSchema } from './regional-options.ts';
export type { InnerStrategy, RegionalConfig, RegionalOptions } from './regional-options.ts';
export { regional } from './regional-strategy.ts';
