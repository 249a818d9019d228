import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodes } from '@hotswap/cli';
import { refusalOf, runAgainst, type RanCommand } from './run-against.ts';

describe('what options and a file say of a deployment', () => {
  let directory: string;
  let sent: unknown[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-cli-'));
    sent = [];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Every request is refused, so that a command ends with its first one. */
  const refusing = (async (_url: string, init?: RequestInit) => {
    sent.push(JSON.parse(init?.body as string));
    return refusalOf(409, 'HS_TEST_NO', 'no');
  }) as unknown as typeof fetch;

  const run = (...args: readonly string[]): Promise<RanCommand> => runAgainst(refusing, args);

  const written = async (content: unknown): Promise<string> => {
    const file = join(directory, 'written.json');
    await writeFile(file, JSON.stringify(content));
    return file;
  };

  const release = { config: { LEVEL: 'info', REGION: 'eu' }, resourceLimits: { maxMemoryMB: 64 } };

  it.each([['deploy'], ['plan']])(
    'lays variables of %s over the release of the file, and loses nothing of it',
    async (command) => {
      const file = await written({ moduleId: 'greeter-v1.0.0', release });
      await run(command, '--file', file, '--env', 'LEVEL=debug', '--env', 'LINK=a=b');
      const [body] = sent as [{ release?: unknown; deployment?: { release?: unknown } }];
      expect((body.deployment ?? body).release).toEqual({
        config: { LEVEL: 'debug', REGION: 'eu', LINK: 'a=b' },
        resourceLimits: { maxMemoryMB: 64 },
      });
    },
  );

  it.each([['deploy'], ['plan']])('lets %s copy requests first', async (command) => {
    await run(command, 'greeter-v1.0.0', '--mirror', '10', '--mirror-for', 'PT5M');
    const [body] = sent as [{ traffic?: unknown; deployment?: { traffic?: unknown } }];
    expect((body.deployment ?? body).traffic).toEqual({ mirror: { percent: 10, duration: 'PT5M' } });
  });

  it('does the same for a train', async () => {
    const file = await written({ release });
    await run('deploy', 'greeter-v1.0.0', 'shop-v1.0.0', '--file', file, '--env', 'LEVEL=debug');
    expect(sent).toEqual([
      {
        moduleIds: ['greeter-v1.0.0', 'shop-v1.0.0'],
        release: { config: { LEVEL: 'debug', REGION: 'eu' }, resourceLimits: { maxMemoryMB: 64 } },
      },
    ]);
  });

  it.each([['LEVEL'], ['=debug'], ['']])('refuses the variable %j instead of making one of its parts', async (pair) => {
    const ran = await run('deploy', 'greeter-v1.0.0', '--env', pair);
    expect(ran.code).toBe(exitCodes.usage);
    expect(ran.stderr).toContain('NAME=VALUE');
    expect(sent).toEqual([]);
  });

  it.each(['5', '"check"', '[1]', 'null'])('refuses %s as the health check of a module', async (check) => {
    const file = join(directory, 'shop-1.0.0.wasm');
    await writeFile(file, new Uint8Array([0, 97, 115, 109]));
    const ran = await run('push', file, '--health-check', check);
    expect(ran.code).toBe(exitCodes.usage);
    expect(ran.stderr).toContain('--health-check is not valid: it must be a JSON object');
    expect(sent).toEqual([]);
  });

  it('lets nobody in and out at once', async () => {
    expect((await run('users', 'update', 'u-1', '--enable', '--disable')).code).toBe(exitCodes.usage);
    expect(sent).toEqual([]);
  });

  it.each([
    ['deploy', ['deploy', 'greeter-v1.0.0', '--file']],
    ['deploy of a train', ['deploy', 'greeter-v1.0.0', 'shop-v1.0.0', '--file']],
    ['simulate', ['simulate']],
  ])('%s says of a file that is JSON but no object that it is none', async (_name, args) => {
    for (const content of [null, 'text', [1], 7]) {
      const ran = await run(...args, await written(content));
      expect(ran.code).toBe(exitCodes.usage);
      expect(ran.stderr).toContain('it must be a JSON object');
    }
    expect(sent).toEqual([]);
  });
});
