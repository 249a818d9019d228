import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('an option that is not there is named, without a stack', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const start = spawn(process.execPath, ['--conditions=@hotswap/source', main, '--prot', '5001'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
  });
  let talk = '';
  start.stderr.setEncoding('utf8').on('data', (text: string) => (talk += text));
  const [code] = await once(start, 'close');
  expect(code).toBe(1);
  expect(talk).toContain("Unknown option '--prot'");
  expect(talk.trim().split('\n')).toHaveLength(1);
});
