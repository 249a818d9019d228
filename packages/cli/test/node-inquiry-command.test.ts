import { exitCodes, runCli } from '@hotswap/cli';
import { formatSse, type ModuleCheckState, type NodeLogEvent, type NodeLogLine } from '@hotswap/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { TextSink } from './run-against.ts';

const line = (number: number, more: Partial<NodeLogLine> = {}): NodeLogEvent => ({
  kind: 'line',
  line: {
    id: `0badcafe.n${number}`,
    at: '2026-01-02T03:04:05.678Z',
    moduleName: 'greeter',
    releaseId: 'rel-1',
    version: '1.0.0',
    level: 'info',
    stream: 'stdout',
    text: `line ${number}`,
    ...more,
  },
});

describe('logs and nodes health', () => {
  let asked: string[];
  let answer: () => Response;

  beforeEach(() => {
    asked = [];
  });

  const events =
    (...all: readonly NodeLogEvent[]) =>
    () =>
      new Response(all.map((event) => formatSse({ event: event.kind, data: JSON.stringify(event) })).join(''), {
        headers: { 'content-type': 'text/event-stream' },
      });
  const run = async (...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
    const [stdout, stderr] = [new TextSink(), new TextSink()];
    const fetch = ((url: string, init?: RequestInit) => {
      const { pathname, search } = new URL(url);
      asked.push(`${init?.method ?? 'GET'} ${pathname}${search}`);
      return Promise.resolve(answer());
    }) as unknown as typeof globalThis.fetch;
    const { signal } = new AbortController();
    const env = { HOTSWAP_SERVER: 'http://server.test', HOTSWAP_TOKEN: 'secret' };
    const code = await runCli(args, { stdout, stderr, env, signal, fetch });
    return { code, stdout: stdout.text, stderr: stderr.text };
  };
  const problem = (status: number, code: string, detail = 'the reason'): Response =>
    Response.json(
      { type: 't', title: 't', status, code, detail, requestId: 'r', retryable: true },
      { status, headers: { 'content-type': 'application/problem+json' } },
    );

  it('shows lines on stdout, and what is none on stderr', async () => {
    answer = events(
      { kind: 'lost', reason: 'overwritten', lines: 1_234 },
      line(1),
      line(2, { level: 'error', stream: 'agent', text: 'go: HS_RUNTIME_TRAP' }),
      line(3, { releaseId: null, version: null, stream: 'agent', text: 'swapped' }),
      { kind: 'lost', reason: 'restarted', lines: null },
      { kind: 'interrupted', code: 'X', message: 'away' },
      { kind: 'end' },
    );
    const ran = await run('logs', 'edge-1', '-m', 'greeter', '--tail', '7');
    expect(ran.code).toBe(exitCodes.ok);
    expect(asked).toEqual(['GET /api/v1/wasm/nodes/edge-1/logs?module=greeter&tail=7&follow=false']);
    expect(ran.stdout.split('\n')).toEqual([
      '2026-01-02T03:04:05.678 info  greeter 1.0.0 line 1',
      '2026-01-02T03:04:05.678 error greeter 1.0.0 (node) go: HS_RUNTIME_TRAP',
      '2026-01-02T03:04:05.678 info  greeter (node) swapped',
      '',
    ]);
    expect(ran.stderr).toContain('1,234 lines lost');
    expect(ran.stderr).toContain('the agent began again');
    expect(ran.stderr).toContain('away');
  });

  it('shows what would act on the terminal instead of sending it there, whoever it comes from', async () => {
    const hostile = '\u001b[2J\u009b31m\u202egnp.exe\nforged';
    answer = events(line(1, { text: hostile }), { kind: 'interrupted', code: 'X', message: hostile }, { kind: 'end' });
    const ran = await run('logs', 'edge-1');
    expect(ran.stdout).toBe(
      '2026-01-02T03:04:05.678 info  greeter 1.0.0 \\u{1b}[2J\\u{9b}31m\\u{202e}gnp.exe\\u{a}forged\n',
    );
    expect(ran.stderr).toContain('\\u{1b}[2J\\u{9b}31m\\u{202e}gnp.exe');
    answer = () => problem(503, 'HS_X', hostile);
    const refused = await run('nodes', 'health', 'edge-1');
    expect(refused.stderr).toContain('\\u{1b}[2J\\u{9b}31m\\u{202e}gnp.exe');
    // eslint-disable-next-line no-control-regex -- these must not be there
    expect(ran.stderr + refused.stderr).not.toMatch(/[\u001b\u009b\u202e]/);
  });

  it('writes one document, or a document a line', async () => {
    answer = events(line(1), { kind: 'lost', reason: 'overwritten', lines: 2 }, line(4), { kind: 'end' });
    const json = JSON.parse((await run('-o', 'json', 'logs', 'edge-1')).stdout) as { lines: NodeLogLine[] };
    expect(json).toMatchObject({ nodeId: 'edge-1', lost: [{ reason: 'overwritten', lines: 2 }] });
    expect(json.lines.map(({ text }) => text)).toEqual(['line 1', 'line 4']);
    const kinds = (await run('-o', 'ndjson', 'logs', 'edge-1')).stdout
      .trimEnd()
      .split('\n')
      .map((text) => (JSON.parse(text) as NodeLogEvent).kind);
    expect(kinds).toEqual(['line', 'lost', 'line']);
  });

  it.each([
    ['--tail', 'many'],
    ['--tail', '-1'],
    ['--tail', '1.5'],
    ['--follow', '-o', 'json'],
  ])('refuses %j %j', async (...options) => {
    expect((await run('logs', 'edge-1', ...options)).code).toBe(exitCodes.usage);
    expect(asked).toEqual([]);
  });

  it('ends with an error when the node cannot be asked, instead of trying for ever', async () => {
    answer = () => problem(503, 'HS_ROUTE_NODE_UNREACHABLE');
    for (const args of [
      ['logs', 'edge-1'],
      ['logs', '-f', 'edge-1'],
      ['nodes', 'health', 'edge-1'],
    ]) {
      const ran = await run(...args);
      expect(ran.code).not.toBe(exitCodes.ok);
      expect(ran.stderr).toContain('HS_ROUTE_NODE_UNREACHABLE');
    }
    expect(asked).toHaveLength(3);
  });

  it.each<[ModuleCheckState, number]>([
    ['healthy', exitCodes.ok],
    ['disabled', exitCodes.ok],
    ['unhealthy', exitCodes.error],
    ['missing', exitCodes.error],
  ])('ends with 1 when a module is not well: %s', async (state, code) => {
    const check = { moduleName: 'greeter', releaseId: 'rel-1', version: '1.0.0', state, durationMs: 1.25 };
    answer = () =>
      Response.json({
        ...{ nodeId: 'edge-1', status: 'Healthy', modulesLoaded: 1, cpuUsagePercent: 7, memoryUsageMB: 8 },
        lastHeartbeat: null,
        checks: [check],
      });
    const ran = await run('nodes', 'health', 'edge-1');
    expect([ran.code, asked]).toEqual([code, ['POST /api/v1/wasm/nodes/edge-1/health']]);
    expect(ran.stdout).toMatch(new RegExp(`edge-1 is Healthy.*\\n.*\\ngreeter +1.0.0 +rel-1 +${state} +1.3 ms`));
    expect((await run('-q', 'nodes', 'health', 'edge-1')).stdout).toBe('edge-1\n');
    expect(JSON.parse((await run('-o', 'json', 'nodes', 'health', 'edge-1')).stdout)).toMatchObject({
      checks: [check],
    });
  });
});
