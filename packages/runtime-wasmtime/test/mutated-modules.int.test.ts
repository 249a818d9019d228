import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { isHotSwapError } from '@hotswap/core';
import { buildExampleModules, exampleModules, hostileModules } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';
import { mutated, seeded } from './binary-modules.ts';
import { testHost } from './test-host.ts';

/** F80 wants 100,000 of them: HOTSWAP_TEST_FULL=1 makes as many, HOTSWAP_MUTATED_MODULES any number. */
const count = Number(
  process.env['HOTSWAP_MUTATED_MODULES'] ?? (process.env['HOTSWAP_TEST_FULL'] === '1' ? 100_000 : 15_000),
);
/** One in so many is also compiled in the child and instantiated, if it is valid. */
const compiledOneIn = 25;
const atOnce = 32;
/** Larger seeds only make copies slower, not mutations more varied. */
const maxSeedBytes = 60_000;
/** What may come of any bytes at all. An internal error, or one without a code, is none of it. */
const orderly = /^HS_RUNTIME_(?!INTERNAL)[A-Z_]+$/;

describe('mutated modules', () => {
  beforeAll(async () => {
    await buildExampleModules();
  });

  it(
    `are answered, ${count} of them, without an exit`,
    async () => {
      await using test = await testHost({ compile: 'child', cacheDirectory: false });
      const files = [...exampleModules.filter(({ onDemand }) => !onDemand), ...hostileModules].map(({ path }) => path);
      const seeds = (await Promise.all([...new Set(files)].map((path) => readFile(path)))).filter(
        ({ length }) => length <= maxSeedBytes,
      );
      expect(seeds.length).toBeGreaterThan(20);
      const seed = Number(process.env['HOTSWAP_SEED'] ?? '4');
      const random = seeded(seed);
      const codes = new Map<string, number>();
      const meet = async (work: () => Promise<unknown>): Promise<void> => {
        const code = await work().then(
          () => 'answered',
          (error: unknown) => (isHotSwapError(error) ? error.code : String(error)),
        );
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (code !== 'answered') expect(code, `seed ${seed}`).toMatch(orderly);
      };
      for (let made = 0; made < count; made += atOnce)
        await Promise.all(
          Array.from({ length: Math.min(atOnce, count - made) }, async (_, i) => {
            const bytes = mutated(seeds[Math.floor(random() * seeds.length)] ?? new Uint8Array(), random);
            await meet(() => test.host.inspect(bytes));
            if ((made + i) % compiledOneIn !== 0) return;
            await meet(async () => {
              const limits = { maxMemoryMB: 16, maxExecutionTime: 'PT0.1S' };
              await using module = await test.host.load({ bytes }, { limits });
              return module;
            });
          }),
        );
      process.stdout.write(
        `${count} mutated modules: ${[...codes].map(([code, times]) => `${times} ${code}`).join(', ')}\n`,
      );
      // Whatever it was fed, it still works.
      await using adder = await test.example('adder');
      expect((await adder.invoke('add', [40, 2])).value).toBe(42);
    },
    count > 20_000 ? 900_000 : 60_000,
  );
});
