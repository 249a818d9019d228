export { haproxyErrorCodes } from './error-codes.ts';
export type { HaproxyErrorCode } from './error-codes.ts';
export { haproxyConfig } from './haproxy-config.ts';
export type { HaproxyConfigOptions } from './haproxy-config.ts';
export type { HaproxyPools } from './haproxy-pools.ts';
export { HaproxyRouter } from './haproxy-router.ts';
export type { HaproxyRouterOptions } from './haproxy-router.ts';
