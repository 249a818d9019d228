import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RuntimeHost } from '@hotswap/core';
import type { RuntimeHostRig } from '@hotswap/testing';

/** What the contract suite needs: the host, and a folder for guests; both gone at the end. */
export async function contractRig(
  host: RuntimeHost,
  end: () => PromiseLike<void> = () => host[Symbol.asyncDispose](),
): Promise<RuntimeHostRig> {
  const root = await mkdtemp(join(tmpdir(), 'hotswap-contract-'));
  const hostPath = join(root, 'given');
  await mkdir(hostPath);
  await writeFile(join(root, 'secret.txt'), 'outside');
  await writeFile(join(hostPath, 'in.txt'), 'inside');
  await symlink(join('..', 'secret.txt'), join(hostPath, 'link'));
  return {
    host,
    folder: { hostPath, names: async () => (await readdir(hostPath)).sort() },
    [Symbol.asyncDispose]: async () => {
      await end();
      await rm(root, { recursive: true, force: true });
    },
  };
}
