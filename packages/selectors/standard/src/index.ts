export { capacity, runtime } from './ability-selectors.ts';
export type { CapacityOptions, RuntimeOptions } from './ability-selectors.ts';
export { canaryFirst, limit, spread } from './order-selectors.ts';
export type { CanaryFirstOptions, LimitOptions, SpreadOptions } from './order-selectors.ts';
export { labels, regions, zones } from './place-selectors.ts';
export type { LabelsOptions, RegionsOptions, ZonesOptions } from './place-selectors.ts';
export { standardSelectors } from './standard-selectors.ts';
