import { describe, expect, it } from 'vitest';
import { exitCodes } from '@hotswap/cli';
import { refusalOf, runAgainst } from './run-against.ts';

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
});
