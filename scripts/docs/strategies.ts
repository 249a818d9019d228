import type { Strategy } from '@hotswap/core';
import { findFiles, importSource, readText } from './repository.ts';

/** A strategy of this repository with the files that describe it. */
export interface StrategySource {
  readonly packageName: string;
  readonly folder: string;
  readonly strategy: Strategy<unknown>;
}

/** Every folder of `packages/strategies`, by the factory that its index exports. */
export async function findStrategies(): Promise<readonly StrategySource[]> {
  const indexes = findFiles('packages/strategies/*/src/index.ts');
  return Promise.all(
    indexes.map(async (index) => {
      const exports = await importSource<Record<string, unknown>>(index);
      const factory = Object.values(exports).find((value) => typeof value === 'function') as () => Strategy<unknown>;
      const folder = index.slice(0, -'/src/index.ts'.length);
      const { name } = JSON.parse(readText(`${folder}/package.json`)) as { name: string };
      return { packageName: name, folder, strategy: factory() };
    }),
  );
}
