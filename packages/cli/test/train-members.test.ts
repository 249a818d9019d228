import { beforeEach, describe, expect, it } from 'vitest';
import { exitCodes } from '@hotswap/cli';
import { answerOf, refusalOf, runAgainst, type RanCommand } from './run-against.ts';

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
    if (found !== undefined) return answerOf(found);
    const code = path.startsWith('trains/') ? 'HS_DEPLOYMENT_TRAIN_NOT_FOUND' : 'HS_DEPLOYMENT_NOT_FOUND';
    return refusalOf(404, code, `no ${path}`);
  }) as unknown as typeof fetch;

  const run = (...args: readonly string[]): Promise<RanCommand> => runAgainst(server, args);

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
      return answerOf({ ...train, status });
    }) as unknown as typeof fetch;
    const ran = await runAgainst(ask, ['status', 'train-one', '--watch']);
    expect(ran.code).toBe(exitCodes.ok);
    expect(ran.stdout).toContain('Completed');
  });

  it('says that there is neither', async () => {
    expect((await run('status', 'train-two')).code).toBe(exitCodes.notFound);
  });
});
