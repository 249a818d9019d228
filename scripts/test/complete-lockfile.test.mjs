import { describe, expect, it } from 'vitest';
import { completeLock } from '../complete-lockfile.mjs';

const lockWith = (packages) => ({ lockfileVersion: 3, packages });

describe('completeLock', () => {
  it('adds the platform packages that the registry did not have, with the platform their names promise', () => {
    const lock = lockWith({
      'node_modules/tool': {
        version: '1.2.3',
        dev: true,
        optionalDependencies: { '@tool/linux-arm64-musl': '1.2.3', '@tool/linux-x64-gnu': '1.2.3' },
      },
      'node_modules/@tool/linux-x64-gnu': { version: '1.2.3', integrity: 'sha512-x' },
    });
    expect(completeLock(lock)).toEqual(['@tool/linux-arm64-musl@1.2.3']);
    expect(lock.packages['node_modules/@tool/linux-arm64-musl']).toEqual({
      version: '1.2.3',
      dev: true,
      optional: true,
      cpu: ['arm64'],
      os: ['linux'],
      libc: ['musl'],
    });
    expect(lock.packages['node_modules/@tool/linux-x64-gnu']).toEqual({ version: '1.2.3', integrity: 'sha512-x' });
  });

  it('nests a platform package whose other version has the place at the root', () => {
    const lock = lockWith({
      'node_modules/@tool/darwin-arm64': { version: '1.0.0' },
      'node_modules/a/node_modules/tool': { version: '2.0.0', optionalDependencies: { '@tool/darwin-arm64': '2.0.0' } },
    });
    completeLock(lock);
    expect(lock.packages['node_modules/a/node_modules/tool/node_modules/@tool/darwin-arm64'].version).toBe('2.0.0');
  });

  it('changes nothing the second time', () => {
    const lock = lockWith({
      'node_modules/tool': { version: '1.0.0', optionalDependencies: { '@tool/win32-x64': '1.0.0' } },
    });
    completeLock(lock);
    expect(completeLock(lock)).toEqual([]);
  });
});
