import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildExampleModules } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';

const scenario = fileURLToPath(new URL('scenarios/little-address-space.ts', import.meta.url));
const kibibytes = 20_000_000;

/** The limit holds for a whole process, so each run has its own. */
async function run(...args: string[]): Promise<string> {
  const node = [process.execPath, '--conditions=@hotswap/source', '--disable-warning=ExperimentalWarning', scenario];
  const limited = `ulimit -v ${kibibytes}; exec "$@"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', limited, 'sh', ...node, ...args]);
  return stdout.trim();
}

describe.runIf(process.platform === 'linux')('a process that may have few addresses', () => {
  beforeAll(async () => {
    await buildExampleModules();
  });

  it('has a pool as large as fits', async () => {
    expect(await run()).toBe('pool, 3');
  });

  it('says that it has none where the pool that it asks for does not fit, and runs modules without', async () => {
    expect(await run('50000')).toBe('no pool, 3');
  });
});
