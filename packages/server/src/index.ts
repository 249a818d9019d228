export { createServer } from './compose.ts';
export type { ServerOverrides } from './compose-overrides.ts';
export { loadServerConfig, withDefaults } from './config/load.ts';
export type { ServerConfig } from './config/schema.ts';
export { serverErrorCodes } from './error-codes.ts';
export type { ServerErrorCode } from './error-codes.ts';
export type { ServerPlugin } from './plugins/server-plugin.ts';
export type { RunningServer } from './hotswap-server.ts';
