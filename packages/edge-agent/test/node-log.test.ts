import type { NodeLogRead } from '@hotswap/protocol';
import { describe, expect, it, vi } from 'vitest';
import { NodeLog } from '../src/log/node-log.ts';

const subject = { moduleName: 'greeter', releaseId: 'r1', version: '1.0.0' };
const wanted: NodeLogRead = { limit: 1_000, waitMs: 0 };
const { signal } = new AbortController();

function makeLog(): NodeLog {
  return new NodeLog({ maxBytes: 1_000_000, maxLines: 10_000 });
}

async function textsOf(log: NodeLog, read: Partial<NodeLogRead> = {}): Promise<readonly string[]> {
  return (await log.read({ ...wanted, ...read }, signal)).lines.map(({ text }) => text);
}

describe('NodeLog', () => {
  it('has what calls write by stream, and what becomes of modules, each with its level', async () => {
    const log = makeLog();
    log.note(subject, 'info', 'loaded');
    log.output(subject, { stdout: Buffer.from('a\nb\n'), stderr: Buffer.from('c') });
    log.note(subject, 'error', 'go: HS_RUNTIME_TRAP: trapped\n  at f');
    const { lines } = await log.read(wanted, signal);
    expect(lines.map(({ stream, level, text }) => [stream, level, text])).toEqual([
      ['agent', 'info', 'loaded'],
      ['stdout', 'info', 'a'],
      ['stdout', 'info', 'b'],
      ['stderr', 'warn', 'c'],
      ['agent', 'error', 'go: HS_RUNTIME_TRAP: trapped'],
      ['agent', 'error', '  at f'],
    ]);
    for (const line of lines) expect(line).toMatchObject(subject);
  });

  it.each([
    ['DEBUG orders: one', 'debug'],
    ['[INFO] ready', 'info'],
    ['WARNING: low', 'warn'],
    ['ERROR orders: none', 'error'],
    ['CRITICAL none', 'error'],
    ['ERRORS are rare', 'warn'],
    ['no ERROR', 'warn'],
  ])('takes the level of %j on standard error from what it says', async (text, level) => {
    const log = makeLog();
    log.output(subject, { stdout: text, stderr: text });
    expect((await log.read(wanted, signal)).lines.map((line) => line.level)).toEqual(['info', level]);
  });

  it('takes so many lines of a module in a second, counts the rest, and takes others of another module', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout', 'clearTimeout'] });
    try {
      const log = new NodeLog({ maxBytes: 10_000_000, maxLines: 100_000 });
      const empty = { stdout: Buffer.alloc(20_000, '\n') };
      const record = { at: 1_000, slot: 'greeter', version: 'r1', stream: 'stdout' as const, droppedBytes: 0 };
      log.output(subject, empty);
      log.output(subject, empty);
      log.http([{ ...record, lines: ['one', 'two'] }]);
      log.output({ ...subject, moduleName: 'other' }, { stdout: Buffer.from('heard\n') });
      const lines = async (module: string): Promise<readonly string[]> => {
        const all: string[] = [];
        for (let after = ''; ;) {
          const read = await log.read({ ...wanted, module, ...(after === '' ? {} : { after }) }, signal);
          all.push(...read.lines.map(({ text }) => text));
          if (!read.hasMore) return all;
          after = read.next;
        }
      };
      const all = await lines('greeter');
      expect(all.filter((text) => text === '')).toHaveLength(32_768);
      expect(all.at(-1)).toMatch(/^7,232 bytes of its output were dropped/);
      expect(await lines('other')).toEqual(['heard']);
      vi.advanceTimersByTime(1_000);
      log.http([{ ...record, lines: ['three'] }]);
      expect((await lines('greeter')).slice(-2)).toEqual([
        expect.stringMatching(/^8 bytes of its output were dropped/),
        'three',
      ]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('knows the version of a release whose HTTP output comes, also when it is gone by then', async () => {
    const log = makeLog();
    log.note(subject, 'info', 'loaded');
    const record = { at: 1_000, slot: 'greeter', stream: 'stderr' as const, lines: ['hello'], droppedBytes: 0 };
    log.http([
      { ...record, version: 'r1' },
      { ...record, version: 'r9' },
    ]);
    log.httpCrashes({ moduleName: 'greeter', releaseId: 'r1', crashes: 1 });
    log.httpCrashes({ moduleName: 'greeter', releaseId: 'r1', crashes: 1_200 });
    const { lines } = await log.read(wanted, signal);
    expect(lines.slice(1)).toMatchObject([
      { at: '1970-01-01T00:00:01.000Z', releaseId: 'r1', version: '1.0.0', text: 'hello', level: 'warn' },
      { releaseId: 'r9', version: null },
      { level: 'error', stream: 'agent', version: '1.0.0', text: 'an HTTP request trapped or ran out of time' },
      { text: '1,200 HTTP requests trapped or ran out of time' },
    ]);
  });

  it('keeps the head of what one call writes, and says how much was dropped, once a second at most', async () => {
    vi.useFakeTimers();
    try {
      const log = new NodeLog({ maxBytes: 50_000_000, maxLines: 100_000 });
      const flood = Buffer.from('0123456\n'.repeat(10_000));
      for (let i = 0; i < 3; i++) log.output(subject, { stdout: flood });
      const texts = await textsOf(log, { limit: 100_000 });
      expect(texts.filter((text) => text.startsWith('0123456'))).toHaveLength((3 * 65_536) / 8);
      expect(texts.filter((text) => text.includes('dropped'))).toEqual([expect.stringMatching(/^14,464 bytes/)]);
      await vi.advanceTimersByTimeAsync(1_100);
      expect((await textsOf(log, { limit: 100_000 })).filter((text) => text.includes('dropped'))).toEqual([
        expect.stringMatching(/^14,464 bytes/),
        expect.stringMatching(/^28,928 bytes/),
      ]);
      log.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps a reader waiting until there is something for it, or its time is over', async () => {
    const log = makeLog();
    const { next } = await log.read({ ...wanted, module: 'greeter' }, signal);
    const reading = log.read({ ...wanted, module: 'greeter', after: next, waitMs: 20_000 }, signal);
    log.note({ ...subject, moduleName: 'other' }, 'info', 'not for it');
    log.note(subject, 'info', 'for it');
    expect((await reading).lines.map(({ text }) => text)).toEqual(['for it']);
    expect((await log.read({ ...wanted, module: 'nobody', waitMs: 10 }, signal)).lines).toEqual([]);
  });

  it('lets go of readers that leave, and of all of them when it is closed', async () => {
    const log = makeLog();
    const left = new AbortController();
    const { next: after } = await log.read(wanted, signal);
    const leaving = log.read({ ...wanted, after, waitMs: 20_000 }, left.signal);
    const staying = log.read({ ...wanted, after, waitMs: 20_000 }, signal);
    left.abort();
    expect((await leaving).lines).toEqual([]);
    log.close();
    expect((await staying).lines).toEqual([]);
    expect((await log.read({ ...wanted, after, waitMs: 20_000 }, signal)).lines).toEqual([]);
  });

  it('refuses more readers than it keeps waiting, and serves those that need not wait', async () => {
    const log = makeLog();
    const { next: after } = await log.read(wanted, signal);
    const waiting = Array.from({ length: 64 }, () => log.read({ ...wanted, after, waitMs: 20_000 }, signal));
    await expect(log.read({ ...wanted, after, waitMs: 20_000 }, signal)).rejects.toMatchObject({
      code: 'HS_AGENT_TOO_MANY_READERS',
      retryable: true,
    });
    expect(await textsOf(log)).toEqual([]);
    log.note(subject, 'info', 'for all');
    for (const { lines } of await Promise.all(waiting)) expect(lines).toHaveLength(1);
  });
});
