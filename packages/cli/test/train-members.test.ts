import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { exitCodes, runCli } from '@hotswap/cli';

class TextSink extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

const member = {
  ...{ deploymentId: 'train-one-shop', moduleId: 'shop-v1.0.0', moduleName: 'shop', releaseId: 'rel-1' },
  ...{ strategy: 'Canary', previousModuleId: null, status: 'Paused', progressPercent: 10, stuck: false, nodes: [] },
};
const train = {
  trainId: 'train-one',
  status: 'Paused',
  order: 'given',
  members: [{ deploymentId: 'train-one-shop', moduleId: 'shop-v1.0.0', after: [], deployment: member }],
};

describe('a train and its members, whose ids begin alike', () => {
  let asked: string[];
  beforeEach(() => (asked = []));

  /** A server with one train and its member. */
  const server = (async (url: string, init?: RequestInit) => {
    const path = new URL(url).pathname.replace('/api/v1/wasm/', '');
    asked.push(`${init?.method ?? 'GET'} ${path}`);
    const found = /^trains\/train-one(?:\/|$)/.test(path)
      ? train
      : /^deployments\/train-one-shop(?:\/|$)/.test(path)
        ? member
        : undefined;
    if (found !== undefined)
      return new Response(JSON.stringify(found), { headers: { 'content-type': 'application/json' } });
    const code = path.startsWith('trains/') ? 'HS_DEPLOYMENT_TRAIN_NOT_FOUND' : 'HS_DEPLOYMENT_NOT_FOUND';
    const problem = { type: 'about:blank', title: 'no', status: 404, detail: `no ${path}`, code, requestId: 'r' };
    return new Response(JSON.stringify(problem), {
      status: 404,
      headers: { 'content-type': 'application/problem+json' },
    });
  }) as unknown as typeof fetch;

  const run = async (...args: readonly string[]) => {
    const [stdout, stderr] = [new TextSink(), new TextSink()];
    const env = { HOTSWAP_SERVER: 'http://server.test', HOTSWAP_TOKEN: 'secret' };
    const { signal } = new AbortController();
    const code = await runCli(args, { stdout, stderr, env, signal, fetch: server });
    return { code, stdout: stdout.text, stderr: stderr.text };
  };

  it('shows a member as the deployment that it is', async () => {
    const ran = await run('status', 'train-one-shop');
    expect(ran.code).toBe(exitCodes.ok);
    expect(ran.stdout).toContain('deployment: train-one-shop');
  });

  it.each(['approve', 'reject', 'execute', 'pause', 'resume', 'promote', 'retry', 'abort', 'rollback'])(
    'gives %s to the member that is named',
    async (action) => {
      expect((await run(action, 'train-one-shop')).code).toBe(exitCodes.ok);
      expect(asked.at(-1)).toBe(`POST deployments/train-one-shop/${action}`);
    },
  );

  it.each(['execute', 'abort', 'rollback'])('gives %s to the train that is named', async (action) => {
    expect((await run(action, 'train-one')).code).toBe(exitCodes.ok);
    expect(asked.at(-1)).toBe(`POST trains/train-one/${action}`);
  });

  it.each(['pause', 'resume', 'promote', 'retry', 'reject'])(
    'says of %s that it is for members, not that there is no such train',
    async (action) => {
      const ran = await run(action, 'train-one');
      expect(ran.code).toBe(exitCodes.usage);
      expect(ran.stderr).toContain('hotswap status train-one names them');
      expect(asked).toEqual(['GET trains/train-one']);
    },
  );

  it('goes on watching a train whose server was away for a moment', async () => {
    const answers = ['InProgress', 'InProgress', null, 'Completed'];
    let at = 0;
    const ask = (async () => {
      const status = answers[Math.min(at++, answers.length - 1)];
      if (status === null)
        throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
      return new Response(JSON.stringify({ ...train, status }), { headers: { 'content-type': 'application/json' } });
    }) as unknown as typeof fetch;
    const [stdout, stderr] = [new TextSink(), new TextSink()];
    const env = { HOTSWAP_SERVER: 'http://server.test', HOTSWAP_TOKEN: 'secret' };
    const { signal } = new AbortController();
    const args = ['status', 'train-one', '--watch'];
    expect(await runCli(args, { stdout, stderr, env, signal, fetch: ask })).toBe(exitCodes.ok);
    expect(stdout.text).toContain('Completed');
  });

  it('says that there is neither', async () => {
    expect((await run('status', 'train-two')).code).toBe(exitCodes.notFound);
  });
});
