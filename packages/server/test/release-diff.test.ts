import { describe, expect, it } from 'vitest';
import {
  defaultModuleRuntime,
  defaultResourceLimits,
  noCapabilities,
  type ModuleDescription,
  type Release,
} from '@hotswap/core';
import { diffReleases, type DescribedRelease } from '../src/deployments/release-diff.ts';

const description: ModuleDescription = {
  kind: 'core',
  wasiLevel: 'preview1',
  sizeBytes: 10,
  imports: [{ name: 'wasi_snapshot_preview1.fd_write', kind: 'function' }],
  exports: [{ name: 'memory', kind: 'memory' }],
  functions: [{ name: 'greet', params: [{ name: 'a', type: 'i32' }], result: 'i32' }],
  isCommand: false,
  servesHttp: null,
};
const described = (release: Partial<Release> = {}, more: Partial<ModuleDescription> = {}): DescribedRelease => ({
  release: {
    tenant: 'default',
    releaseId: 'rel-1',
    moduleId: 'greeter-v1.0.0',
    moduleName: 'greeter',
    version: '1.0.0',
    digest: 'a'.repeat(64),
    sizeBytes: 10,
    config: { LEVEL: 'info', LIST: [1, 2] },
    capabilities: noCapabilities,
    resourceLimits: defaultResourceLimits,
    http: null,
    runtime: defaultModuleRuntime,
    healthCheck: {},
    ...release,
  },
  description: { ...description, ...more },
});
const sentences = (before: DescribedRelease | null, after: DescribedRelease): readonly string[] =>
  diffReleases(before, after).map(({ sentence }) => sentence);

describe('the difference of two releases', () => {
  it('is nothing between equals, in whatever order lists stand', () => {
    expect(diffReleases(described(), described({ releaseId: 'rel-2' }))).toEqual([]);
    const hosts = (...allowedHosts: string[]) => described({ capabilities: { ...noCapabilities, allowedHosts } });
    expect(diffReleases(hosts('a', 'b'), hosts('b', 'a'))).toEqual([]);
  });

  it('names code, configuration, capabilities, limits, health check and interfaces with before and after', () => {
    const after = described(
      {
        version: '1.1.0',
        digest: 'b'.repeat(64),
        config: { LEVEL: 'debug', 'a/b': 'x' },
        capabilities: {
          env: { TOKEN: 't' },
          dirs: [{ name: 'data', guestPath: '/d', readOnly: true }],
          allowedHosts: ['api.example.org'],
        },
        resourceLimits: { ...defaultResourceLimits, maxMemoryMB: 256 },
        http: { hosts: ['x.org'], pathPrefix: '/', access: 'public', affinity: null },
        runtime: { ...defaultModuleRuntime, fuel: 5 },
        healthCheck: { functionName: 'ok' },
      },
      { imports: [], functions: [{ name: 'greet', params: [], result: 'i64' }] },
    );
    expect(sentences(described(), after)).toEqual([
      'Outgoing HTTP to api.example.org is new.',
      'The directory data is new: {"name":"data","guestPath":"/d","readOnly":true}.',
      'The environment variable TOKEN is new: t.',
      'The configuration LEVEL changes from info to debug.',
      'The configuration LIST is gone; it was [1,2].',
      'The configuration a/b is new: x.',
      'The code changes from aaaaaaaaaaaa to bbbbbbbbbbbb.',
      'The health check: functionName is new: ok.',
      'Serving HTTP changes from null to {"hosts":{"x.org":"x.org"},"pathPrefix":"/","access":"public","affinity":null}.',
      'The function greet changes from (i32) -> i32 to () -> i64.',
      'The import wasi_snapshot_preview1.fd_write is gone.',
      'The limit maxMemoryMB changes from 128 to 256.',
      'How it is run: fuel changes from null to 5.',
      'The version changes from 1.0.0 to 1.1.0.',
    ]);
    expect(diffReleases(described(), after)).toContainEqual({
      pointer: '/config/a~1b',
      kind: 'added',
      before: null,
      after: 'x',
      sentence: 'The configuration a/b is new: x.',
    });
  });

  it('tells all of a first release', () => {
    const told = sentences(null, described());
    expect(told).toContain('The code is new: aaaaaaaaaaaa.');
    expect(told).toContain('The function greet is new: (i32) -> i32.');
    expect(told.join()).not.toMatch(/undefined/);
  });
});
