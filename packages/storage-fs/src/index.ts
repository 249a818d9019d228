export { storeErrorCodes } from './error-codes.ts';
export type { StoreErrorCode } from './error-codes.ts';
export { fsModuleStore } from './fs-module-store.ts';
export type { FsModuleStoreOptions } from './fs-module-store.ts';
