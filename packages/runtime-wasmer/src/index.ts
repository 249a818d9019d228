export { wasmerCapabilities } from './wasmer-capabilities.ts';
export { type WasmerOptions, wasmer } from './wasmer-runtime-host.ts';
