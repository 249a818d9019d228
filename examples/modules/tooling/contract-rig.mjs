// What the contract suite of runtime hosts needs besides the host, for every engine's tests.
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export async function contractRig(host, end = () => host[Symbol.asyncDispose]()) {
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
