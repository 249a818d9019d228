import { describe, expect, it } from 'vitest';
import { parseStrategyConfig, resolveHealthCheck } from '@hotswap/core';
import { canary, canaryConfigSchema } from '@hotswap/strategy-canary';

const read = (config: unknown) => canaryConfigSchema.parse(config);

describe('the configuration of a canary', () => {
  it('has a default for everything', () => {
    expect(read({})).toEqual({ stages: [10, 25, 50, 100], evaluationPeriod: 'PT5M', autoPromote: true });
    expect(parseStrategyConfig(canary(), undefined)).toEqual(read({}));
  });

  it('keeps every key of text 002 (STR-1)', () => {
    const written = {
      stages: [5, 100],
      evaluationPeriod: 'PT10M',
      healthCheckFunction: 'health_check',
      successThreshold: 2,
      failureThreshold: 4,
      autoPromote: false,
    };
    expect(read(written)).toEqual(written);
  });

  it.each([
    ['10 and 25', { initialPercentage: 10, incrementPercentage: 25, evaluationPeriod: 'PT5M' }, [10, 35, 60, 85, 100]],
    ['50 and 50', { initialPercentage: 50, incrementPercentage: 50 }, [50, 100]],
    ['100 at once', { initialPercentage: 100, incrementPercentage: 1 }, [100]],
    ['the first alone', { initialPercentage: 20 }, [20, 45, 70, 95, 100]],
    ['the step alone', { incrementPercentage: 45 }, [10, 55, 100]],
    ['small steps', { initialPercentage: 1, incrementPercentage: 33 }, [1, 34, 67, 100]],
  ])('makes stages of increments: %s (STR-2, X-8)', (_, written, stages) => {
    expect(read(written).stages).toEqual(stages);
  });

  it('reads bare numbers as seconds and both names of the function (X-14)', () => {
    expect(read({ evaluationPeriod: 90, functionName: 'ping' })).toMatchObject({
      evaluationPeriod: 'PT1M30S',
      healthCheckFunction: 'ping',
    });
    expect(read({ functionName: 'ping', healthCheckFunction: 'ping' }).healthCheckFunction).toBe('ping');
  });

  it('lays its health check keys over those of the deployment (D-12, X-9)', () => {
    const keys = canary().healthCheck?.(read({ healthCheckFunction: 'ping', failureThreshold: 7 }));
    expect(
      resolveHealthCheck(
        { functionName: 'module', successThreshold: 2 },
        { failureThreshold: 4, timeout: 'PT1S' },
        keys,
      ),
    ).toMatchObject({ functionName: 'ping', successThreshold: 2, failureThreshold: 7, timeout: 'PT1S' });
    expect(canary().healthCheck?.(read({}))).toEqual({});
  });
});
