export { diffCoreModules } from './diff-core-modules.ts';
export type { CoreShape, DiffCoreOptions } from './diff-core-modules.ts';
export { diffModules, worldOf } from './diff-modules.ts';
export type { DiffModulesOptions, ModuleShape } from './diff-modules.ts';
export { diffPackages } from './diff-packages.ts';
export { diffWit } from './diff-wit.ts';
export { diffWorlds } from './diff-worlds.ts';
export type { DiffWorldsOptions } from './diff-worlds.ts';
export { interfaceErrorCodes } from './error-codes.ts';
export type { InterfaceErrorCode } from './error-codes.ts';
export { functionOfPath, hasBreaking, interfaceOfPath } from './interface-change.ts';
export type { ChangeKind, ChangeSeverity, InterfaceChange } from './interface-change.ts';
export { compareVersions, compatibleRange, interfaceNameOf } from './interface-version.ts';
export type { InterfaceName } from './interface-version.ts';
export { missingPackages, packageOf, readWit } from './read-wit.ts';
export type { ReadWitOptions } from './read-wit.ts';
export { bodyText, functionText, typeText } from './type-text.ts';
export type {
  WitBody,
  WitDefinition,
  WitDocument,
  WitFunction,
  WitInterface,
  WitPackage,
  WitType,
  WitWorld,
  WitWorldItem,
} from './wit-document.ts';
export type { PlainType } from './wit-syntax.ts';
