export { type RuntimeErrorCode, runtimeErrorCodes, wasmtimeErrorCodes } from './error-codes.ts';
export type { WasmtimeOptions } from './wasmtime-options.ts';
export { wasmtime, wasmtimeCapabilities } from './wasmtime-runtime-host.ts';
