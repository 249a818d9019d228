import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { coreModule } from './v8-inspector.ts';

const deploy = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const run = promisify(execFile);
const hasSystemd = await run('systemd-sysusers', ['--version']).then(
  () => true,
  () => false,
);

/** Below a folder of its own: nothing of the machine is touched. Only root may give files away. */
describe.runIf(hasSystemd && process.getuid?.() === 0)('the layout of a Riptide host', () => {
  let root: string;
  let files: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'hotswap-layout-'));
    files = join(root, 'files');
    await mkdir(files);
    await writeFile(join(files, 'extractor.wasm'), coreModule(), { mode: 0o600 });
    await writeFile(join(files, 'riptide-api'), '#!/bin/sh\n', { mode: 0o600 });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const install = (...args: readonly string[]): ReturnType<typeof run> =>
    run(join(deploy, 'scripts', 'install-riptide.sh'), [...args, '-r', join(root, 'host')]);
  const at = (path: string): string => join(root, 'host', path);

  it('has modules of mode 644 and programs of mode 755, which belong to the user and group riptide', async () => {
    const args = ['-m', join(files, 'extractor.wasm'), '-b', join(files, 'riptide-api')];
    await install(...args);
    await install(...args);
    const [user = ''] = /^riptide:.*$/m.exec(await readFile(at('etc/passwd'), 'utf8')) ?? [];
    const [, , uid = '', gid = '', , home] = user.split(':');
    expect(home).toBe('/opt/riptide');
    expect(await readFile(at('etc/group'), 'utf8')).toMatch(new RegExp(`^riptide:[^:]*:${gid}:`, 'm'));
    for (const [path, mode] of [
      ['opt/riptide/wasm/riptide_extractor_wasm.wasm', '644'],
      ['opt/riptide/bin/riptide-api', '755'],
      ['opt/riptide/wasm', '755'],
      ['opt/riptide/bin', '755'],
    ] as const) {
      const found = await stat(at(path));
      expect([path, (found.mode & 0o777).toString(8), found.uid, found.gid]).toEqual([path, mode, +uid, +gid]);
    }
    const unit = await readFile(at('etc/systemd/system/riptide-api.service'), 'utf8');
    for (const line of ['User=riptide', 'Group=riptide', 'ExecStart=/opt/riptide/bin/riptide-api'])
      expect(unit).toContain(`${line}\n`);
    expect(unit).toContain('RIPTIDE_WASM_PATH=/opt/riptide/wasm/riptide_extractor_wasm.wasm');
  });

  it('is not begun with what is no module, or not there', async () => {
    await expect(install('-m', join(files, 'riptide-api'))).rejects.toMatchObject({ stderr: /is no WebAssembly/ });
    await expect(install('-m', join(files, 'none.wasm'))).rejects.toMatchObject({ stderr: /there is no file/ });
    await expect(install()).rejects.toMatchObject({ code: 2 });
    await expect(stat(at('opt'))).rejects.toThrow();
  });
});
