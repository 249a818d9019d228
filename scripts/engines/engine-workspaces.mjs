// The Rust workspaces of the engines that run in children. Each has a lock file of its own, so that the addon's build never
// waits for another engine's dependencies.
import { join } from 'node:path';
import { cacheFolder, inRoot } from '../bootstrap/paths.mjs';

/** Cargo's target folder of all of them. */
export const engineTargetFolder = join(cacheFolder, 'cargo-target-engines');

/** Manifest of one package's workspace. */
export const engineManifest = (name) => inRoot('packages', `runtime-${name}`, 'native', 'Cargo.toml');

/** Manifests of all of them: the protocol first, then the engines. */
export const engineWorkspaces = () => ['child', 'wasmer', 'wasmedge'].map(engineManifest);
