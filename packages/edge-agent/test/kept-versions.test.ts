import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DesiredRelease } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { formatAppliedState, parseAppliedState } from '../src/modules/applied-state.ts';
import { NodeFixture, desiredModule, type NodeFixtureOptions } from './node-fixture.ts';

/** A node that is told of one version after the other, without retention: each replaces the one before at once. */
class Versions implements AsyncDisposable {
  readonly node: NodeFixture;
  #generation: number;

  private constructor(node: NodeFixture, generation: number) {
    this.node = node;
    this.#generation = generation;
  }

  static async start(options: NodeFixtureOptions = {}, generation = 0): Promise<Versions> {
    return new Versions(await NodeFixture.create({ origins: new Map(), ...options }), generation);
  }

  /** The version of a name; equal names have equal bytes. */
  of(name: string, weight = 100): DesiredRelease {
    return this.node.release(name, weight);
  }

  async serve(moduleName: string, ...releases: readonly DesiredRelease[]): Promise<void> {
    const generation = ++this.#generation;
    await this.node.apply(generation, desiredModule(moduleName, generation, ...releases));
    // What is not wished for any more is closed after its grace, which is none here.
    await expect.poll(() => this.node.runtime.open.size, { timeout: 10_000 }).toBe(releases.length);
  }

  /** Looks whether the bytes of these versions, and no others, are on disk. */
  async expectOnDisk(...names: readonly string[]): Promise<void> {
    const files = names.map((name) => `${this.of(name).digest}.wasm`).sort();
    const modules = join(this.node.folder, 'modules');
    await expect.poll(async () => (await readdir(modules)).sort(), { timeout: 10_000 }).toEqual(files);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
  }
}

const all = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'];

describe('A node without desired releases of older versions', () => {
  it('keeps the last baseline and two more versions of a module, the least recently used ones go (D-16)', async () => {
    await using versions = await Versions.start();
    for (const name of all) await versions.serve('greeter', versions.of(name));
    await versions.expectOnDisk('v3', 'v4', 'v5', 'v6');
  });

  it('goes back to any version that is kept without pulling it', async () => {
    await using versions = await Versions.start();
    for (const name of all) await versions.serve('greeter', versions.of(name));
    const pulled = versions.node.pulls.length;
    await versions.serve('greeter', versions.of('v5'));
    await versions.serve('greeter', versions.of('v3'));
    expect(versions.node.runtime.slots.serving('greeter')).toEqual(['v3:100']);
    expect(versions.node.pulls).toHaveLength(pulled);
    await versions.serve('greeter', versions.of('v1'));
    expect(versions.node.pulls.slice(pulled)).toEqual(['v1-v1.0.0']);
  });

  it('keeps what it is told to, and the baseline alone with KeepVersions 0', async () => {
    await using versions = await Versions.start({ keepVersions: 0 });
    for (const name of all) await versions.serve('greeter', versions.of(name));
    await versions.expectOnDisk('v5', 'v6');
  });

  it('pins the baseline when room is needed, and drops others that were not used for longest', async () => {
    const sizeBytes = (await measured()).sizeBytes;
    await using versions = await Versions.start({ cacheMaxSizeBytes: 3 * sizeBytes });
    for (const name of ['v1', 'v2', 'v3']) await versions.serve('greeter', versions.of(name));
    await versions.expectOnDisk('v1', 'v2', 'v3');
    await versions.serve('greeter', versions.of('v4'));
    await versions.expectOnDisk('v2', 'v3', 'v4');
    await versions.serve('greeter', versions.of('v3', 50), versions.of('v5', 50));
    await versions.expectOnDisk('v3', 'v4', 'v5');
  });

  it('takes a version that had only a share of the traffic for no baseline', async () => {
    await using versions = await Versions.start({ keepVersions: 0 });
    await versions.serve('greeter', versions.of('v1'));
    await versions.serve('greeter', versions.of('v2'));
    await versions.serve('greeter', versions.of('v2', 90), versions.of('v3', 10));
    await versions.serve('greeter', versions.of('v2'));
    await versions.expectOnDisk('v1', 'v2');
  });

  it('keeps the bytes that another module has as well', async () => {
    await using versions = await Versions.start({ keepVersions: 0 });
    const shared = versions.of('v1');
    const other = desiredModule('other', 1, shared);
    await versions.node.apply(1, desiredModule('greeter', 1, shared), other);
    for (const [index, name] of ['v2', 'v3'].entries())
      await versions.node.apply(index + 2, desiredModule('greeter', index + 2, versions.of(name)), other);
    await versions.expectOnDisk('v1', 'v2', 'v3');
  });

  it('pins nothing of a module that is gone', async () => {
    await using versions = await Versions.start({ cacheMaxSizeBytes: 2 * (await measured()).sizeBytes });
    for (const name of ['v1', 'v2']) await versions.serve('greeter', versions.of(name));
    await versions.node.apply(10);
    await versions.node.apply(11, desiredModule('other', 1, versions.of('v3'), versions.of('v4')));
    await versions.expectOnDisk('v3', 'v4');
  });

  it('still pins the baseline after a restart, before anything is pulled', async () => {
    const sizeBytes = (await measured()).sizeBytes;
    await using first = await Versions.start();
    for (const name of ['v1', 'v2', 'v3']) await first.serve('greeter', first.of(name));
    await first.node.reconciler.stop();
    await using second = await Versions.start({ folder: first.node.folder, cacheMaxSizeBytes: 3 * sizeBytes }, 10);
    for (const name of ['v1', 'v2', 'v3']) second.of(name);
    await second.node.reconciler.restore();
    await second.node.apply(
      11,
      desiredModule('greeter', 11, second.of('v3')),
      desiredModule('other', 1, second.of('v4')),
    );
    await second.expectOnDisk('v2', 'v3', 'v4');
    await second.node.apply(
      12,
      desiredModule('greeter', 12, second.of('v2')),
      desiredModule('other', 1, second.of('v4')),
    );
    expect(second.node.pulls).toEqual(['v4-v1.0.0']);
  });

  it('starts from a state that an agent without kept versions has written', async () => {
    await using first = await Versions.start();
    for (const name of ['v1', 'v2']) await first.serve('greeter', first.of(name));
    await first.node.reconciler.stop();
    const path = join(first.node.folder, 'applied-state');
    const state = parseAppliedState(await readFile(path));
    if (state === undefined) expect.unreachable();
    expect(state.modules[0]?.versions?.versions).toHaveLength(2);
    const modules = state.modules.map(({ desired }) => ({ desired }));
    await writeFile(path, formatAppliedState({ ...state, modules }));
    await using second = await Versions.start({ folder: first.node.folder }, 10);
    second.of('v2');
    await second.node.reconciler.restore();
    await second.serve('greeter', second.of('v3'));
    await second.expectOnDisk('v1', 'v2', 'v3');
  });
});

async function measured(): Promise<DesiredRelease> {
  await using node = await NodeFixture.create();
  return node.release('v1', 100);
}
