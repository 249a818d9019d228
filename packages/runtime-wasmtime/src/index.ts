export { type RuntimeErrorCode, runtimeErrorCodes, wasmtimeErrorCodes } from './error-codes.ts';
export { type WasmtimeExperiment, type WasmtimeOptions, wasmtimeExperiments } from './wasmtime-options.ts';
export { type WasmtimeHost, wasmtime, wasmtimeCapabilities } from './wasmtime-runtime-host.ts';
