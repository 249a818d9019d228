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
        : path === 'deployments'
          ? { deployments: [], nextCursor: null }
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

  it('tells why of a train from the journals of its members, in the order of time', async () => {
    const entry = (at: string, explanation: string): object => ({
      at,
      explanation,
      actor: 'ada',
      type: 'command',
      seq: 0,
    });
    const journals: Readonly<Record<string, object[]>> = {
      'train-one-shop': [
        entry('2026-01-01T00:00:01.000Z', 'shop was created.'),
        entry('2026-01-01T00:00:04.000Z', 'shop came back.'),
      ],
      'train-one-cart': [
        entry('2026-01-01T00:00:02.000Z', 'cart was created.'),
        entry('2026-01-01T00:00:03.000Z', 'cart failed.'),
      ],
    };
    const cart = { ...member, deploymentId: 'train-one-cart', moduleId: 'cart-v2.0.0', status: 'RolledBack' };
    const members = [
      ...train.members,
      { deploymentId: cart.deploymentId, moduleId: cart.moduleId, after: [], deployment: cart },
      { deploymentId: 'train-one-tax', moduleId: 'tax-v1.0.0', after: [], deployment: null },
    ];
    const told = { ...train, status: 'RolledBack', reason: 'cart-v2.0.0 is RolledBack', members };
    const ask = (async (url: string) => {
      const path = new URL(url).pathname.replace('/api/v1/wasm/', '');
      if (path === 'trains/train-one') return answerOf(told);
      const [, id = ''] = /^deployments\/(.+)\/journal$/.exec(path) ?? [];
      const entries = journals[id];
      if (entries === undefined) return refusalOf(404, 'HS_DEPLOYMENT_NOT_FOUND', `no ${path}`);
      return answerOf({ entries, nextCursor: null });
    }) as unknown as typeof fetch;
    const ran = await runAgainst(ask, ['why', 'train-one']);
    expect([ran.code, ran.stderr]).toEqual([exitCodes.ok, '']);
    expect(ran.stdout).toMatch(/reason: +cart-v2\.0\.0 is RolledBack/);
    expect(ran.stdout).toMatch(/tax-v1\.0\.0 +train-one-tax +- +not there/);
    expect(ran.stdout.split('\n').slice(-5)).toEqual([
      '2026-01-01T00:00:01.000Z  shop-v1.0.0  ada: shop was created.',
      '2026-01-01T00:00:02.000Z  cart-v2.0.0  ada: cart was created.',
      '2026-01-01T00:00:03.000Z  cart-v2.0.0  ada: cart failed.',
      '2026-01-01T00:00:04.000Z  shop-v1.0.0  ada: shop came back.',
      '',
    ]);
    const { trainId, entries } = JSON.parse((await runAgainst(ask, ['-o', 'json', 'why', 'train-one'])).stdout) as {
      trainId: string;
      entries: { deploymentId: string }[];
    };
    expect([trainId, entries.map(({ deploymentId }) => deploymentId.slice(10))]).toEqual([
      'train-one',
      ['shop', 'cart', 'cart', 'shop'],
    ]);
    const step = await runAgainst(ask, ['why', 'train-one', '3']);
    expect([step.code, step.stderr]).toEqual([exitCodes.usage, expect.stringContaining('hotswap status train-one')]);
  });

  it('names the command that undoes a train', async () => {
    const ran = await run('undo', 'train-one');
    expect([ran.code, ran.stderr]).toEqual([exitCodes.usage, expect.stringContaining('hotswap rollback train-one')]);
  });

  it('says that there is neither', async () => {
    expect((await run('status', 'train-two')).code).toBe(exitCodes.notFound);
  });
});
