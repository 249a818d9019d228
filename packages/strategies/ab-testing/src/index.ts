export { abTestingConfigSchema } from './ab-testing-options.ts';
export type { ABTestingConfig } from './ab-testing-options.ts';
export { abTesting } from './ab-testing-strategy.ts';
