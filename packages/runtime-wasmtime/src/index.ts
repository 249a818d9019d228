export { type RuntimeErrorCode, runtimeErrorCodes } from './error-codes.ts';
export type { WasmtimeOptions } from './wasmtime-options.ts';
export { wasmtime } from './wasmtime-runtime-host.ts';
