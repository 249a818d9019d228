export { childCapabilities } from './child-capabilities.ts';
export type { ChildFailure, EngineCapabilities } from './child-messages.ts';
export type { ChildRuntimeOptions } from './child-options.ts';
export { childRuntimeHost } from './child-runtime-host.ts';
export type { EngineLaunch } from './engine-launch.ts';
export { type RuntimeChildErrorCode, childErrorCodes, runtimeChildErrorCodes } from './error-codes.ts';
export { type ExecutablePlaces, findExecutable } from './find-executable.ts';
