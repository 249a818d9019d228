export { allAtOnceConfigSchema } from './all-at-once-options.ts';
export type { AllAtOnceConfig } from './all-at-once-options.ts';
export { allAtOnce } from './all-at-once-strategy.ts';
