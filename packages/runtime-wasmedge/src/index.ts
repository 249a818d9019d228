export { wasmedgeErrorCodes } from './error-codes.ts';
export { wasmedgeCapabilities } from './wasmedge-capabilities.ts';
export { type WasmEdgeOptions, wasmedge } from './wasmedge-runtime-host.ts';
