import { describe, expect, it } from 'vitest';
import { type LoadOptions, callTimeoutMs, drainLimitMs, loadLimits } from '../src/index.ts';

const bounds = { mostOutputBytes: 100_000_000 };
const refused = (path: string, expected = ''): unknown =>
  expect.objectContaining({
    code: 'HS_RUNTIME_INVALID_ARGUMENT',
    details: { path, expected: expect.stringContaining(expected) as string },
  });

describe('numbers of load options', () => {
  it('have the documented defaults', () => {
    expect(loadLimits({}, bounds)).toEqual({
      maxMemoryBytes: 134_217_728,
      maxCpuPercent: 100,
      timeoutMs: 5_000,
      maxInputBytes: 1_048_576,
      maxOutputBytes: 1_048_576,
      maxLogBytesPerSecond: undefined,
      maxStateBytes: undefined,
      fuel: null,
      reuse: null,
      network: null,
    });
    expect(loadLimits({ network: { allowedHosts: [] } }, bounds).network).toEqual({});
    expect(loadLimits({ runtime: { reuse: {} as never } }, bounds).reuse).toEqual({
      maxInstances: 8,
      maxCalls: 1_000,
      maxIdleMs: 300_000,
    });
  });

  it('are parts of megabytes and of a core, and whole otherwise', () => {
    expect(loadLimits({ limits: { maxMemoryMB: 0.3, maxCpuPercent: 0.5 } }, bounds)).toMatchObject({
      maxMemoryBytes: 314_572,
      maxCpuPercent: 0.5,
    });
    const half = (options: LoadOptions, path: string): void =>
      expect(() => loadLimits(options, bounds)).toThrow(refused(path, 'a whole number from '));
    half({ limits: { maxInputSize: 0.5 } }, 'limits.maxInputSize');
    half({ maxOutputSize: 1.5 }, 'maxOutputSize');
    half({ maxStateBytes: 1.5 }, 'maxStateBytes');
    half({ runtime: { fuel: 1.5 } }, 'runtime.fuel');
    half({ network: { allowedHosts: [], requestTimeoutMs: 1.5 } }, 'network.requestTimeoutMs');
  });

  it('without a bound are the most that there is', () => {
    const reuse = { maxInstances: Infinity, maxCalls: Infinity, maxIdleTime: 'P7D' };
    const options: LoadOptions = {
      limits: { maxMemoryMB: Infinity, maxCpuPercent: Infinity, maxInputSize: Infinity, maxExecutionTime: 'P1D' },
      maxOutputSize: Infinity,
      maxLogBytesPerSecond: Infinity,
      runtime: { fuel: Infinity, reuse },
      network: {
        allowedHosts: [],
        maxConcurrentRequests: Infinity,
        maxRequestBytes: Infinity,
        maxResponseBytes: Infinity,
        requestTimeoutMs: Infinity,
      },
    };
    expect(loadLimits(options, bounds)).toEqual({
      maxMemoryBytes: 4_294_967_296,
      maxCpuPercent: Number.MAX_SAFE_INTEGER,
      timeoutMs: 86_400_000,
      maxInputBytes: Number.MAX_SAFE_INTEGER,
      maxOutputBytes: 100_000_000,
      maxLogBytesPerSecond: 1_073_741_824,
      maxStateBytes: undefined,
      fuel: Number.MAX_SAFE_INTEGER,
      reuse: { maxInstances: 10_000, maxCalls: Number.MAX_SAFE_INTEGER, maxIdleMs: 604_800_000 },
      network: {
        maxConcurrentRequests: 10_000,
        maxRequestBytes: 1_099_511_627_776,
        maxResponseBytes: 1_099_511_627_776,
        requestTimeoutMs: 86_400_000,
      },
    });
  });

  it.each<[LoadOptions, string]>([
    [{ limits: { maxMemoryMB: NaN } }, 'limits.maxMemoryMB'],
    [{ limits: { maxMemoryMB: 4_097 } }, 'limits.maxMemoryMB'],
    [{ limits: { maxMemoryMB: '64' as never } }, 'limits.maxMemoryMB'],
    [{ limits: { maxCpuPercent: -1 } }, 'limits.maxCpuPercent'],
    [{ limits: { maxExecutionTime: 'PT0S' } }, 'limits.maxExecutionTime'],
    [{ limits: { maxExecutionTime: 'PT24H0.001S' } }, 'limits.maxExecutionTime'],
    [{ maxOutputSize: 100_000_001 }, 'maxOutputSize'],
    [{ runtime: { fuel: 2 ** 53 } }, 'runtime.fuel'],
    [{ runtime: { reuse: { maxInstances: 0, maxCalls: 1, maxIdleTime: 'PT1S' } } }, 'runtime.reuse.maxInstances'],
    [{ runtime: { reuse: { maxInstances: 1, maxCalls: 0, maxIdleTime: 'PT1S' } } }, 'runtime.reuse.maxCalls'],
    [{ runtime: { reuse: { maxInstances: 1, maxCalls: 1, maxIdleTime: 'P8D' } } }, 'runtime.reuse.maxIdleTime'],
    [{ network: { allowedHosts: [], maxConcurrentRequests: 10_001 } }, 'network.maxConcurrentRequests'],
    [{ network: { allowedHosts: [], maxRequestBytes: -1 } }, 'network.maxRequestBytes'],
    [{ network: { allowedHosts: [], maxResponseBytes: '5' as never } }, 'network.maxResponseBytes'],
    [{ network: { allowedHosts: [], requestTimeoutMs: NaN } }, 'network.requestTimeoutMs'],
    [{ network: { allowedHosts: [], requestTimeoutMs: null as never } }, 'network.requestTimeoutMs'],
  ])('refuses %j by the name of what is wrong', (options, path) => {
    expect(() => loadLimits(options, bounds)).toThrow(refused(path));
  });
});

describe('the time of a drain', () => {
  it('is a day where it is longer or without end', () => {
    expect([0, 1_000, 2 ** 40, Infinity].map(drainLimitMs)).toEqual([0, 1_000, 86_400_000, 86_400_000]);
  });

  it.each([NaN, -1])('refuses %d', (deadlineMs) => {
    expect(() => drainLimitMs(deadlineMs)).toThrow(refused('deadlineMs'));
  });
});

describe('the time limit of a call', () => {
  it('is none besides that of the module where it is absent or without end', () => {
    expect([{}, { timeoutMs: 0 }, { timeoutMs: Infinity }, { timeoutMs: 1.5 }].map(callTimeoutMs)).toEqual([
      0, 0, 0, 1.5,
    ]);
  });

  it.each([NaN, -1, -Infinity])('refuses %d', (timeoutMs) => {
    expect(() => callTimeoutMs({ timeoutMs })).toThrow(refused('timeoutMs'));
  });
});
