import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildExampleModules } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';

/** A crash is an outcome here, so each scenario has a process of its own. */
async function runScenario(name: string): Promise<{ code: number | null; signal: string | null; output: string }> {
  const file = fileURLToPath(new URL(`scenarios/${name}.ts`, import.meta.url));
  const child = spawn(
    process.execPath,
    ['--conditions=@hotswap/source', '--disable-warning=ExperimentalWarning', file],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return await new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, output: output.trim() })),
  );
}

describe('the process', () => {
  beforeAll(async () => {
    await buildExampleModules();
  });

  it.each([
    'alternate-traps',
    'worker-only',
    'worker-matrix',
    'dispose-in-flight',
    'terminate-in-flight',
    'exit-in-flight',
    'host-functions-in-flight',
    'natural-end',
    'deep-stack',
    'replaced-handler',
    'http-natural-end',
    'http-exit-in-flight',
  ])('survives %s', async (name) => {
    expect(await runScenario(name)).toEqual({ code: 0, signal: null, output: 'survived' });
  });
});
