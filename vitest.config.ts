import { defineConfig, type ViteUserConfig } from 'vitest/config';

/**
 * Workspace packages resolve to their sources, so that tests need no build. Vitest hands these to Node as well: with
 * `import` among them CommonJS packages would be given the ES modules of what they require.
 */
const conditions = ['@hotswap/source', 'node'];

const roots = ['packages/*/test', 'packages/{strategies,selectors}/*/test', 'examples/*/test'];
const files = (suffix: string): string[] => roots.map((root) => `${root}/**/*.${suffix}`);

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // The on-disk transform cache does not key on tsconfig and can serve stale code.
    fsModuleCache: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            ...files('test.ts'),
            'scripts/test/**/*.test.mjs',
            'scripts/docs/**/*.test.ts',
            'scripts/faults/**/*.test.ts',
          ],
          exclude: ['**/*.int.test.ts', '**/*.e2e.test.ts'],
          testTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: { name: 'int', include: files('int.test.ts'), testTimeout: 60_000, hookTimeout: 120_000 },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: files('e2e.test.ts'),
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**', 'packages/{strategies,selectors}/*/src/**'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});

export default config;
