import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodes, runCli } from '@hotswap/cli';
import { TextSink } from './run-against.ts';

let directory: string;
let sent: { method: string; path: string; body: unknown }[];
let answer: unknown;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hotswap-cli-interface-'));
  sent = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const answering = (async (url: string, init?: RequestInit) => {
  const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined;
  sent.push({ method: init?.method ?? 'GET', path: new URL(url).pathname, body });
  return Promise.resolve(new Response(JSON.stringify(answer), { headers: { 'content-type': 'application/json' } }));
}) as unknown as typeof fetch;

async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const stdout = new TextSink();
  const stderr = new TextSink();
  const code = await runCli(['interface', ...args], {
    stdout,
    stderr,
    env: { HOTSWAP_SERVER: 'http://127.0.0.1:1', HOTSWAP_TOKEN: 't' },
    signal: new AbortController().signal,
    fetch: answering,
  });
  return { code, out: stdout.text, err: stderr.text };
}

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const wit = (version: string, size: string): string =>
  `package acme:img@${version};\ninterface resize { record size { w: u32, h: ${size} } scale: func(to: size); }\n`;

const view = {
  name: 'acme:img',
  version: '1.2.0',
  status: 'PendingApproval',
  comparedWith: '1.1.0',
  createdBy: 'dev',
  createdAt: '2026-01-01T00:00:00.000Z',
  revision: 1,
  decidedBy: null,
  decidedAt: null,
  reason: null,
  wit: wit('1.2.0', 'u64'),
  interfaces: ['acme:img/resize@1.2.0'],
  worlds: [],
  changes: [
    {
      kind: 'breaking',
      change: 'function-removed',
      direction: 'export',
      path: 'acme:img/resize@1.1.0#crop',
      before: 'func()',
      after: null,
    },
  ],
  consumers: [],
};

it('compares two texts without a server and ends with 7 when callers break', async () => {
  const [a, b] = [await file('a.wit', wit('1.0.0', 'u32')), await file('b.wit', wit('1.1.0', 'u64'))];
  expect(await run('diff', a, b)).toEqual({
    code: exitCodes.conflict,
    out: 'breaking  field-type-changed  acme:img/resize@1.0.0#scale.param[0:to].record(size).field[h]\n            u32 -> u64\n',
    err: '',
  });
  expect(await run('diff', a, a)).toMatchObject({ code: exitCodes.ok, out: 'nothing changes\n' });
  expect(sent).toEqual([]);
});

it('says where a text is wrong', async () => {
  const [a, b] = [await file('a.wit', wit('1.0.0', 'u32')), await file('b.wit', 'interface {')];
  const { code, err } = await run('diff', a, b);
  expect(code).toBe(exitCodes.usage);
  expect(err).toContain('line 1, column 11');
  expect(err).toContain('HS_INTERFACE_INVALID_WIT');
});

it('registers what the text says of itself', async () => {
  answer = view;
  const path = await file('img.wit', view.wit);
  const { out } = await run('register', path);
  expect(sent).toEqual([
    { method: 'POST', path: '/api/v1/wasm/interfaces', body: { name: 'acme:img', version: '1.2.0', wit: view.wit } },
  ]);
  expect(out).toContain('status:     PendingApproval');
  expect(out).toContain('breaking  function-removed  acme:img/resize@1.1.0#crop');
  expect(await run('register', await file('bare.wit', 'interface a {}'))).toMatchObject({ code: exitCodes.usage });
});

it('takes a folder with what it needs as one text, and says who decides about one that breaks', async () => {
  answer = view;
  await file('img/resize.wit', 'package acme:img@1.2.0;\ninterface resize { use acme:units/all@1.0.0.{unit}; }\n');
  await file('img/deps/units.wit', 'package acme:units@1.0.0;\ninterface all { enum unit { px } }\n');
  const { code, err } = await run('register', join(directory, 'img'));
  expect([code, err]).toEqual([exitCodes.ok, expect.stringContaining('hotswap interface approve acme:img@1.2.0')]);
  await run('validate', join(directory, 'img'));
  for (const { body } of sent)
    expect((body as { wit: string }).wit).toMatch(/^package acme:img@1\.2\.0;[^]*package acme:units@1\.0\.0 \{/);
  expect(sent).toHaveLength(2);
});

it('says of a binary how it is compared', async () => {
  const { code, err } = await run('validate', await file('calc.wasm', ''));
  expect([code, err]).toEqual([exitCodes.usage, expect.stringContaining('hotswap push')]);
  expect(sent).toEqual([]);
});

it('asks what a module would break and for whom', async () => {
  answer = {
    compatible: false,
    against: 'calc-v1.0.0',
    changes: view.changes,
    consumers: [{ kind: 'caller', name: 'user:alice', paths: ['acme:img/resize@1.1.0#crop'] }],
  };
  const { code, out } = await run('validate', 'calc-v1.1.0');
  expect(code).toBe(exitCodes.conflict);
  expect(out).toContain('breaks caller user:alice: acme:img/resize@1.1.0#crop');
  expect(sent[0]?.body).toEqual({ moduleId: 'calc-v1.1.0' });
});

it.each(['approve', 'reject', 'deprecate'])('can %s a version', async (decision) => {
  answer = view;
  await run(decision, 'acme:img@1.2.0', '--reason', 'agreed');
  expect(sent).toEqual([
    { method: 'POST', path: `/api/v1/wasm/interfaces/acme%3Aimg/1.2.0/${decision}`, body: { reason: 'agreed' } },
  ]);
  expect(await run(decision, 'acme:img')).toMatchObject({ code: exitCodes.usage });
});

it('lists, shows and declares consumers', async () => {
  answer = { interfaces: [view], nextCursor: null };
  expect((await run('list')).out).toContain('acme:img@1.2.0  PendingApproval  dev');
  answer = view;
  expect((await run('show', 'acme:img@1.2.0')).out).toContain('record size');
  answer = { version: '1.2.0', consumer: 'shop', uses: ['resize'], createdBy: 'dev', createdAt: view.createdAt };
  expect((await run('consumer', 'acme:img@1.2.0', 'shop', '--uses', 'resize')).out).toBe(
    'shop uses resize of acme:img@1.2.0\n',
  );
});

describe('the versions of one package', () => {
  const statuses = ['Approved', 'Deprecated', 'Approved', 'PendingApproval', 'Approved'] as const;
  beforeEach(() => {
    const interfaces = statuses.map((status, n) => ({ ...view, version: `1.${String(n)}.0`, status }));
    answer = { interfaces, nextCursor: null };
  });
  const versionsOf = async (
    ...options: readonly string[]
  ): Promise<{ versions: string[]; nextCursor: string | null }> => {
    const { code, out } = await run('list', 'acme:img', '-o', 'json', ...options);
    expect(code).toBe(exitCodes.ok);
    const { interfaces, nextCursor } = JSON.parse(out) as {
      interfaces: { version: string }[];
      nextCursor: string | null;
    };
    return { versions: interfaces.map(({ version }) => version), nextCursor };
  };

  it('are listed newest first, as those of all packages are', async () => {
    expect((await versionsOf()).versions).toEqual(['1.4.0', '1.3.0', '1.2.0', '1.1.0', '1.0.0']);
  });

  it('are only those of the status that is asked for', async () => {
    expect((await versionsOf('--status', 'Deprecated')).versions).toEqual(['1.1.0']);
    expect(await run('list', 'acme:img', '--status', 'approved')).toMatchObject({ code: exitCodes.usage });
  });

  it('come in pages, of which the last one names no other', async () => {
    const first = await versionsOf('--status', 'Approved', '--limit', '2');
    expect(first).toEqual({ versions: ['1.4.0', '1.2.0'], nextCursor: '1.2.0' });
    expect((await run('list', 'acme:img', '--limit', '2')).err).toBe('there is more: --cursor 1.3.0\n');
    const second = await versionsOf('--status', 'Approved', '--limit', '2', '--cursor', first.nextCursor ?? '');
    expect(second).toEqual({ versions: ['1.0.0'], nextCursor: null });
    expect((await versionsOf('--limit', '5')).nextCursor).toBeNull();
    const wrong = await run('list', 'acme:img', '--cursor', '9.9.9');
    expect([wrong.code, wrong.err]).toEqual([exitCodes.usage, expect.stringContaining('--cursor')]);
  });
});

it('diffs folders of WIT, each with the packages that it needs', async () => {
  for (const [folder, size, unit] of [
    ['old', 'u32', 'px'],
    ['new', 'u64', 'px, em'],
  ] as const) {
    await file(
      `${folder}/types.wit`,
      `package acme:img@1.0.0;\ninterface types { record size { w: u32, h: ${size} } }\n`,
    );
    await file(
      `${folder}/world.wit`,
      'interface resize { use types.{size}; use acme:units/all@1.0.0.{unit}; scale: func(to: size, by: unit); }\n',
    );
    await file(`${folder}/deps/units/all.wit`, `package acme:units@1.0.0;\ninterface all { enum unit { ${unit} } }\n`);
    await file(`${folder}/deps/other.wit`, 'package acme:other@1.0.0;\ninterface none {}\n');
  }
  const { code, out } = await run('diff', join(directory, 'old'), join(directory, 'new'));
  expect(code).toBe(exitCodes.conflict);
  expect(out).toContain('acme:img/resize@1.0.0#scale.param[1:by].enum(unit).case[em]');
  expect(await run('diff', join(directory, 'old'), join(directory, 'old'))).toMatchObject({ code: exitCodes.ok });
  const same = await file('one.wit', 'package acme:units@1.0.0;\ninterface all { enum unit { px } }\n');
  expect(await run('diff', join(directory, 'old/deps/units'), same)).toMatchObject({ code: exitCodes.ok });
});

it('refuses a folder that is no package', async () => {
  const same = await file('one.wit', 'package acme:img@1.0.0;\n');
  await file('empty/readme.md', '');
  expect(await run('diff', join(directory, 'empty'), same)).toMatchObject({
    code: exitCodes.usage,
    err: expect.stringContaining('no WIT with a package line') as unknown,
  });
  await file('mixed/a.wit', 'package acme:a@1.0.0;\n');
  await file('mixed/b.wit', 'package acme:b@1.0.0;\n');
  expect((await run('diff', join(directory, 'mixed'), same)).err).toContain('acme:a@1.0.0 and acme:b@1.0.0');
});
