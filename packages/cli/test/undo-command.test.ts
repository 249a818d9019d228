import { describe, expect, it } from 'vitest';
import { exitCodes } from '@hotswap/cli';
import { answerOf, refusalOf, runAgainst } from './run-against.ts';

describe('undo', () => {
  it('tells why the deployments of a module could not be read, not that there are none', async () => {
    const asked: string[] = [];
    const server = (async (url: string) => {
      asked.push(new URL(url).pathname);
      return asked.length === 1
        ? refusalOf(503, 'HS_STORAGE_AWAY', 'no')
        : refusalOf(404, 'HS_DEPLOYMENT_NOT_FOUND', 'no');
    }) as unknown as typeof fetch;
    const ran = await runAgainst(server, ['undo', 'greeter']);
    expect(ran.stderr).toContain('HS_STORAGE_AWAY');
    expect(ran.code).toBe(exitCodes.error);
    expect(asked).toEqual(['/api/v1/wasm/deployments']);
  });

  it('says of what was never deployed that it is no module that a deployment has changed either', async () => {
    const server = (async (url: string) =>
      new URL(url).pathname === '/api/v1/wasm/deployments'
        ? answerOf({ deployments: [], nextCursor: null })
        : refusalOf(404, 'HS_DEPLOYMENT_NOT_FOUND', 'no')) as unknown as typeof fetch;
    const ran = await runAgainst(server, ['undo', 'adder']);
    expect([ran.code, ran.stderr]).toEqual([exitCodes.notFound, expect.stringContaining('adder is neither')]);
  });

  it('finds the deployment that serves behind any number that changed nothing', async () => {
    const of = (status: string, deploymentId: string, more: object = {}): object => ({
      ...{ deploymentId, moduleId: 'greeter-v1.0.0', moduleName: 'greeter', releaseId: 'rel-1', strategy: 'AllAtOnce' },
      ...{ previousModuleId: null, status, progressPercent: 100, stuck: false, ...more },
    });
    const then = '2026-01-01T00:00:00.000Z';
    const all = [
      ...Array.from({ length: 300 }, (_, n) => of('RolledBack', `back-${String(n)}`, { executedAt: then })),
      ...Array.from({ length: 300 }, (_, n) => of('Pending', `pending-${String(n)}`)),
      of('Completed', 'serving', { executedAt: then, retainedUntil: then }),
      of('Completed', 'older', { executedAt: then, retainedUntil: then }),
    ];
    const acted: string[] = [];
    const server = (async (url: string, init?: RequestInit) => {
      const { pathname, searchParams } = new URL(url);
      if (init?.method === 'POST') acted.push(pathname);
      if (init?.method === 'POST') return answerOf(of('RollingBack', 'serving'));
      const from = Number(searchParams.get('cursor') ?? 0);
      const to = from + Number(searchParams.get('limit') ?? 50);
      return answerOf({ deployments: all.slice(from, to), nextCursor: to < all.length ? String(to) : null });
    }) as unknown as typeof fetch;
    const ran = await runAgainst(server, ['undo', 'greeter']);
    expect([ran.code, ran.stderr]).toEqual([exitCodes.ok, '']);
    expect(acted).toEqual(['/api/v1/wasm/deployments/serving/rollback']);
  });
});
