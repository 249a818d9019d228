import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  refuseTwoHealthFunctions,
  settleHealthFunction,
  strategyHealthCheck,
  strategyHealthCheckShape,
} from '@hotswap/core';

const schema = z
  .strictObject({ own: z.number().default(1), ...strategyHealthCheckShape })
  .superRefine(refuseTwoHealthFunctions)
  .transform((config) => settleHealthFunction(config));

describe('the health check keys of strategies', () => {
  it('are taken under either name of the function, and read again as they were read (X-14)', () => {
    const read = schema.parse({ functionName: 'ready', successThreshold: 2 });
    expect(read).toEqual({ own: 1, healthCheckFunction: 'ready', successThreshold: 2 });
    expect(schema.parse(read)).toEqual(read);
    expect(schema.parse({ functionName: 'ready', healthCheckFunction: 'ready' })).toEqual({
      own: 1,
      healthCheckFunction: 'ready',
    });
  });

  it('are refused with two functions, and with thresholds that nothing can meet', () => {
    const refused = schema.safeParse({ functionName: 'a', healthCheckFunction: 'b' });
    expect(refused.error?.issues.map(({ path }) => path)).toEqual([['functionName']]);
    for (const threshold of [0, 1.5, 1_001, '1'])
      expect(schema.safeParse({ failureThreshold: threshold }).success).toBe(false);
  });

  it('say only what was said, so that the deployment decides the rest (D-12)', () => {
    expect(strategyHealthCheck({})).toEqual({});
    expect(strategyHealthCheck({ healthCheckFunction: 'ready', failureThreshold: 2 })).toEqual({
      functionName: 'ready',
      failureThreshold: 2,
    });
  });
});
