export { blueGreenConfigSchema } from './blue-green-options.ts';
export type { BlueGreenConfig } from './blue-green-options.ts';
export { blueGreen } from './blue-green-strategy.ts';
