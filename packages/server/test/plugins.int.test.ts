import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startTestServer } from './start-test-server.ts';

it('a plugin cannot take the name of a strategy of the server', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hotswap-plugins-'));
  try {
    const file = join(directory, 'canary.mjs');
    await writeFile(
      file,
      "export const strategies = [{ name: 'Canary', version: 9, configSchema: { safeParse() {} }, *rollout() {} }];",
    );
    await expect(startTestServer({ plugins: [file] })).rejects.toMatchObject({ code: 'HS_PLUGIN_DUPLICATE' });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
