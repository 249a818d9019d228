import { describe, expect, it } from 'vitest';
import {
  chosenIdSchema,
  heartbeatSchema,
  moduleIdSchema,
  moduleNameSchema,
  moduleVersionSchema,
} from '@hotswap/protocol';

const takes = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown): boolean =>
  schema.safeParse(value).success;

describe('names on the wire', () => {
  it.each(['greeter', 'image-processor', 'a', 'my_module', 'a.b', 'sha256', 'wasi-preview1', 'x2'])(
    'takes the module name %j',
    (name) => expect(takes(moduleNameSchema, name)).toBe(true),
  );
  it.each([
    '',
    'Greeter',
    '-a',
    'a..b',
    'a.',
    'a/b',
    'greeter-v1',
    'greeter-1.2',
    'greeter-v1.2.3',
    'nul',
    'com1',
    'lpt9.x',
    'ä',
    'a b',
    'a'.repeat(101),
  ])('refuses the module name %j', (name) => expect(takes(moduleNameSchema, name)).toBe(false));
  it.each(['1.0.0', '0.0.1', '10.20.30-beta.1'])('takes the version %j', (version) =>
    expect(takes(moduleVersionSchema, version)).toBe(true),
  );
  it.each(['1', '1.0', '01.0.0', 'v1.0.0', '1.0.0+build', '1.0.0-', '1.0.0-Ä'])('refuses the version %j', (version) =>
    expect(takes(moduleVersionSchema, version)).toBe(false),
  );

  it('tells ids of modules from names', () => {
    expect(takes(moduleIdSchema, 'greeter-v1.0.0')).toBe(true);
    expect(takes(moduleIdSchema, 'greeter')).toBe(false);
    expect(takes(moduleIdSchema, 'greeter-v1')).toBe(false);
  });

  it('holds chosen ids to letters that are safe everywhere', () => {
    expect(takes(chosenIdSchema, 'deploy-123')).toBe(true);
    for (const id of ['', '../x', 'a\u0000', 'a%2e', '.a', 'a'.repeat(101)])
      expect(takes(chosenIdSchema, id)).toBe(false);
  });
});

describe('heartbeatSchema', () => {
  const heartbeat = {
    bootId: '1763697600000-9f2c',
    sequence: 1,
    observed: { generation: 0, releases: [] },
    metrics: [],
    resources: { cpuUsagePercent: 1, memoryUsageMB: 2, modulesLoaded: 0 },
  };

  it('takes what an agent sends and refuses what could not be true', () => {
    expect(takes(heartbeatSchema, heartbeat)).toBe(true);
    expect(takes(heartbeatSchema, { ...heartbeat, sequence: 0 })).toBe(false);
    expect(takes(heartbeatSchema, { ...heartbeat, bootId: 'later' })).toBe(false);
    expect(takes(heartbeatSchema, { ...heartbeat, observed: { generation: -1, releases: [] } })).toBe(false);
    expect(takes(heartbeatSchema, { ...heartbeat, extra: 1 })).toBe(false);
  });
});
