import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '@hotswap/cli';
import { answerOf, runAgainst, type RanCommand } from './run-against.ts';

const deployment = {
  ...{ deploymentId: 'd-1', moduleId: 'greeter-v1.0.0', moduleName: 'greeter', releaseId: 'rel-1', strategy: 'Canary' },
  ...{ previousModuleId: null, status: 'InProgress', progressPercent: 10, stuck: false, nodes: [] },
};

const run = (args: readonly string[], ask: typeof fetch, interrupt?: AbortController): Promise<RanCommand> =>
  runAgainst(ask, args, interrupt?.signal);

/** A server that takes requests and never answers; `asked` is told of each. */
const silent = (asked: () => void): typeof fetch =>
  ((_url: string, init?: RequestInit) => {
    asked();
    return new Promise((_resolve, reject) => {
      const end = (): void => reject(new DOMException('aborted', 'AbortError'));
      if (init?.signal?.aborted === true) end();
      init?.signal?.addEventListener('abort', end);
    });
  }) as unknown as typeof fetch;

/** A server with one deployment that goes on and on. */
const watched = (streaming: () => void): typeof fetch =>
  (async (url: string, init?: RequestInit) => {
    if (!url.endsWith('/events')) return answerOf(deployment);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const event = { kind: 'status', deployment };
        controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`));
        init?.signal?.addEventListener('abort', () => controller.error(new DOMException('aborted', 'AbortError')));
        streaming();
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }) as unknown as typeof fetch;

describe('Ctrl-C', () => {
  it.each([
    [['modules']],
    [['nodes']],
    [['routes']],
    [['deployments']],
    [['status', 'd-1']],
    [['status', 'd-1', '--watch']],
    [['why', 'd-1']],
    [['undo', 'd-1']],
    [['doctor']],
    [['releases']],
    [['audit', 'export']],
    [['interface', 'list']],
    [['whoami']],
    [['keys']],
  ])('ends %j with 130 while a server does not answer', async (args) => {
    const interrupt = new AbortController();
    const ran = await run(
      args,
      silent(() => setImmediate(() => interrupt.abort())),
      interrupt,
    );
    expect(ran).toEqual({ code: exitCodes.interrupted, stdout: '', stderr: '' });
  });

  it('ends watching with 130, whatever the status is, and says that the deployment goes on', async () => {
    const interrupt = new AbortController();
    const ran = await run(
      ['status', 'd-1', '--watch'],
      watched(() => setImmediate(() => interrupt.abort())),
      interrupt,
    );
    expect(ran.code).toBe(exitCodes.interrupted);
    expect(ran.stderr).toContain('d-1 goes on');
  });
});

describe('watching', () => {
  it('ends with 8 when the deployment is not over in time, and says how to go on', async () => {
    const ran = await run(
      ['status', 'd-1', '--watch', '--timeout', '0.05'],
      watched(() => undefined),
    );
    expect(ran.code).toBe(exitCodes.timeout);
    expect(ran.stderr).toContain('Deployment d-1 is not over after 0.05 s');
    expect(ran.stderr).toContain('HS_CLI_TIMEOUT');
  });

  it('takes a time that no timer has for a long one, not for none', async () => {
    const interrupt = new AbortController();
    const end = setTimeout(() => interrupt.abort(), 200);
    const ran = await run(
      ['status', 'd-1', '--watch', '--timeout', '3000000'],
      watched(() => undefined),
      interrupt,
    );
    clearTimeout(end);
    expect(ran.code).toBe(exitCodes.interrupted);
  });

  it('ends with 69 where there is no server, instead of trying for ever', async () => {
    const refuse = (() =>
      Promise.reject(
        new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }),
      )) as unknown as typeof fetch;
    const ran = await run(['status', 'd-1', '--watch'], refuse);
    expect(ran.code).toBe(exitCodes.serverUnreachable);
    expect(ran.stderr).toContain('ECONNREFUSED');
  });
});

describe('a pipe that nobody reads any more', () => {
  it('ends the command with 141 and without a word', async () => {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const command = spawn(process.execPath, ['--conditions=@hotswap/source', main, '--help'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
    });
    command.stdout.destroy();
    let talk = '';
    command.stderr.setEncoding('utf8').on('data', (text: string) => (talk += text));
    const [code] = await once(command, 'close');
    expect({ code, talk }).toEqual({ code: exitCodes.outputClosed, talk: '' });
  });
});
