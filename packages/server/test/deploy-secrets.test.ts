import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

/** What the guide has people put beside the files of deploy, and what a script leaves there for a moment. */
const secrets = [
  'deploy/.env',
  'deploy/.env.x1Y2z3',
  'deploy/certs/key.pem',
  'deploy/certs/cert.pfx',
  'deploy/prometheus/hotswap-metrics.key',
];

describe('the secrets of an installation in its checkout', () => {
  it.each([...secrets, 'server.log', 'packages/server/server.log'])(
    'leave %s out of builds of images',
    async (path) => {
      const lines = (await readFile(`${root}deploy/Dockerfile.dockerignore`, 'utf8')).split('\n').filter(Boolean);
      // A folder that is left out is so with everything below it.
      const parts = path.split('/');
      const ways = parts.map((_, n) => parts.slice(0, n + 1).join('/'));
      expect(lines.some((pattern) => ways.some((way) => matchesGlob(way, pattern)))).toBe(true);
    },
  );

  it('are left out of commits', async () => {
    const { stdout } = await run('git', ['check-ignore', ...secrets], { cwd: root });
    expect(stdout.trim().split('\n')).toEqual(secrets);
  });
});
