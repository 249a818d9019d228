import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const scripts = fileURLToPath(new URL('../../../scripts/', import.meta.url));
const run = promisify(execFile);

describe('the self-contained archives of a release', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-archives-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('work together with an empty PATH: the server is healthy, the agent joins it, the command line finds the node, which serves a module', async () => {
    for (const program of ['server', 'agent', 'cli'])
      await run(process.execPath, [join(scripts, 'archive.mjs'), program, '--out', folder, '--level', '1']);
    const { stdout, stderr } = await run(process.execPath, [join(scripts, 'try-archives.mjs'), folder]);
    expect(stdout + stderr).toContain('the server answers: {"status":"Healthy"}');
    expect(stdout + stderr).toMatch(/the node is there: archived +us-east .*Healthy/);
    expect(stdout + stderr).toContain('the node has the module and answers calls');
  }, 300_000);

  it('are missed when they are not there', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'hotswap-no-archives-'));
    const tried = run(process.execPath, [join(scripts, 'try-archives.mjs'), empty]);
    await expect(tried).rejects.toMatchObject({ stderr: /holds no archive of hotswap-server for this platform/ });
    await rm(empty, { recursive: true });
  });
});
