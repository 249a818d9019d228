import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from './agent-fixture.ts';
import { FakeServer } from './fake-server.ts';

const script = fileURLToPath(new URL('../../../scripts/archive.mjs', import.meta.url));
const run = promisify(execFile);

describe('the self-contained archive of the agent', () => {
  let folder: string;
  let program: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-archive-'));
    const { stdout } = await run(process.execPath, [script, 'agent', '--out', folder, '--level', '1']);
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await run('tar', ['-xzf', stdout.trim(), '-C', empty]);
    const [name = ''] = await readdir(empty);
    program = join(empty, name, 'bin', 'wasm-edge-agent');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('says its version without anything of the machine', async () => {
    expect((await run(program, ['--version'], { env: {}, cwd: '/' })).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const link = join(folder, 'wasm-edge-agent');
    await symlink(program, link);
    expect((await run(link, ['--version'], { env: { PATH: '/usr/bin:/bin' }, cwd: '/' })).stdout).toMatch(/^\d/);
  });

  it('ends with 78 and the reason when its configuration is wrong', async () => {
    await writeFile(join(folder, 'wrong.json'), '{"NodeId": "n", "Regoin": "x"}');
    await expect(run(program, ['--config', join(folder, 'wrong.json')], { env: {} })).rejects.toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/Regoin: there is no such key: did you mean Region\?/) as unknown,
    });
  });

  it('joins a server with an empty PATH, and keeps its credential over a restart', async () => {
    const server = await FakeServer.start();
    const config = join(folder, 'config.json');
    await writeFile(
      config,
      JSON.stringify({
        NodeId: 'edge-1',
        Region: 'us-east',
        OrchestratorApiUrl: server.url,
        JoinToken: server.joinToken,
        DataDirectory: join(folder, 'data'),
      }),
    );
    const live = async (has: () => boolean): Promise<void> => {
      const agent = spawn(program, ['--config', config], { env: { PATH: '' }, cwd: folder, stdio: 'ignore' });
      const ended = new Promise<number | null>((resolve) => agent.once('exit', resolve));
      try {
        await waitFor(has, 30_000);
      } finally {
        agent.kill('SIGTERM');
      }
      expect(await ended).toBe(0);
    };
    await live(() => server.heartbeats.length > 0);
    expect(server.registrations).toMatchObject([{ nodeId: 'edge-1', runtime: 'Wasmtime' }]);
    server.joinToken = 'used up';
    await live(() => server.sessions.length > 0);
    expect(server.registrations).toHaveLength(1);
    await server.vanish();
  });
});
