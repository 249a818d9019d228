import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodes, runCli } from '@hotswap/cli';
import { TextSink } from './run-against.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly authorization: string | null;
}

type Answer = { readonly status: number; readonly body: unknown };

const problem = (status: number, code: string, detail: string, extra: object = {}): Answer => ({
  status,
  body: { type: `https://hotswap.dev/problems/${code}`, title: code, status, detail, code, requestId: 'r1', ...extra },
});

describe('runCli', () => {
  let directory: string;
  let calls: Call[];
  let answers: Record<string, Answer>;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-cli-'));
    calls = [];
    answers = {};
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const fakeFetch = (async (url: string, init?: RequestInit) => {
    const { pathname, searchParams } = new URL(url);
    const method = init?.method ?? 'GET';
    const raw = init?.body;
    const body: unknown = typeof raw === 'string' ? JSON.parse(raw) : raw;
    const query = Object.fromEntries(searchParams);
    calls.push({ method, path: pathname, query, body, authorization: new Headers(init?.headers).get('authorization') });
    const answer =
      answers[`${method} ${pathname}`] ??
      problem(404, 'HS_TEST_NO_ANSWER', `nothing is prepared for ${method} ${pathname}`);
    return new Response(JSON.stringify(answer.body), {
      status: answer.status,
      headers: { 'content-type': answer.status < 400 ? 'application/json' : 'application/problem+json' },
    });
  }) as unknown as typeof fetch;

  const run = async (
    args: readonly string[],
    options: {
      readonly env?: NodeJS.ProcessEnv;
      readonly fetch?: typeof fetch;
      readonly aborted?: boolean;
      readonly tty?: boolean;
    } = {},
  ) => {
    const stdout = new TextSink();
    const stderr = new TextSink();
    stdout.isTTY = options.tty ?? false;
    stderr.isTTY = options.tty ?? false;
    const signal = options.aborted === true ? AbortSignal.abort() : new AbortController().signal;
    const env = options.env ?? { HOTSWAP_SERVER: 'http://server.test', HOTSWAP_TOKEN: 'secret' };
    const code = await runCli(args, { stdout, stderr, env, signal, fetch: options.fetch ?? fakeFetch });
    return { code, stdout: stdout.text, stderr: stderr.text };
  };

  const deployment = {
    deploymentId: 'deploy-1',
    moduleId: 'greeter-v1.1.0',
    moduleName: 'greeter',
    releaseId: 'rel-1',
    previousModuleId: 'greeter-v1.0.0',
    strategy: 'Canary',
    status: 'InProgress',
    progressPercent: 25,
    stage: '25%',
    stuck: false,
    nodes: [],
  };

  const pushed = {
    moduleId: 'greeter-v1.2.3',
    digest: 'd',
    sizeBytes: 4,
    kind: 'core',
    wasiVersion: 'none',
    http: null,
    servesHttp: null,
    functions: [],
  };

  it('sends how a module is reached and run: from a module file, options winning over it', async () => {
    const file = join(directory, 'shop-1.0.0.wasm');
    await writeFile(file, new Uint8Array([0, 97, 115, 109]));
    const said = join(directory, 'module.json');
    await writeFile(
      said,
      JSON.stringify({
        name: 'shop',
        version: '2.0.0',
        http: { hosts: ['a.example.org'], pathPrefix: '/a' },
        runtime: { simd: false },
        resourceLimits: { maxMemoryMB: 64 },
      }),
    );
    answers['POST /api/v1/wasm/modules'] = { status: 201, body: pushed };
    const options = ['--http-access', 'public', '--http-host', 'b.example.org', '--affinity', 'cookie:session'];
    const ran = await run(['push', file, '--module', `@${said}`, ...options, '--reuse', '4', '--fuel', '5000']);
    expect(ran).toMatchObject({ code: exitCodes.ok });
    const { http, runtime, resourceLimits, ...texts } = calls[0]?.query ?? {};
    expect(texts).toEqual({ name: 'shop', version: '2.0.0' });
    expect([http, runtime, resourceLimits].map((text): unknown => JSON.parse(text ?? 'null'))).toEqual([
      { hosts: ['b.example.org'], pathPrefix: '/a', access: 'public', affinity: { cookie: 'session' } },
      { simd: false, reuse: { maxInstances: 4 }, fuel: 5_000 },
      { maxMemoryMB: 64 },
    ]);
  });

  it.each([
    [['--affinity', 'user'], '--affinity'],
    [['--reuse', 'many'], '--reuse'],
    [['--runtime', '[]'], '--runtime'],
  ])('refuses %j and names the option', async (options, named) => {
    const file = join(directory, 'shop-1.0.0.wasm');
    await writeFile(file, new Uint8Array([0, 97, 115, 109]));
    const ran = await run(['push', file, ...options]);
    expect(ran.code).toBe(exitCodes.usage);
    expect(ran.stderr).toContain(named);
    expect(calls).toEqual([]);
  });

  it('ends doctor with 1 when something is wrong, and reads every page of nodes before it says so', async () => {
    answers['GET /health'] = { status: 200, body: { status: 'Healthy', version: '0.1.0', uptime: 'PT1H' } };
    answers['GET /api/v1/wasm/nodes'] = { status: 200, body: { nodes: [], nextCursor: null } };
    answers['GET /api/v1/wasm/deployments'] = { status: 200, body: { deployments: [], nextCursor: null } };
    const well = await run(['doctor']);
    expect(well.code).toBe(exitCodes.ok);
    expect(well.stdout).toContain('next: hotswap join');
    expect((await run(['doctor', '--strict'])).code).toBe(exitCodes.error);
    answers['GET /api/v1/wasm/deployments'] = {
      status: 200,
      body: { deployments: [{ ...deployment, status: 'Paused', stuck: true }], nextCursor: null },
    };
    const ill = await run(['doctor', '-o', 'json']);
    expect(ill.code).toBe(exitCodes.error);
    expect(JSON.parse(ill.stdout)).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({
          check: 'deployments',
          level: 'fail',
          next: expect.stringContaining('rollback deploy-1') as string,
        }),
      ]) as unknown,
    });
    expect(calls.filter(({ query }) => query['stuck'] === 'true')).toHaveLength(3);
  });

  it('takes name and version of a pushed module from its file name', async () => {
    const file = join(directory, 'greeter-1.2.3.wasm');
    await writeFile(file, new Uint8Array([0, 97, 115, 109]));
    answers['POST /api/v1/wasm/modules'] = {
      status: 201,
      body: pushed,
    };
    const ran = await run(['push', file]);
    expect(ran).toMatchObject({ code: exitCodes.ok });
    expect(ran.stdout).toContain('greeter-v1.2.3');
    expect(calls[0]).toMatchObject({
      method: 'POST',
      authorization: 'Bearer secret',
      body: Buffer.from([0, 97, 115, 109]),
    });
  });

  it('shows the functions that a module can be called by', async () => {
    const functions = [{ name: 'greet' }, { name: 'health-check' }];
    answers['GET /api/v1/wasm/modules/greeter-v1.2.3'] = { status: 200, body: { ...pushed, functions } };
    const { code, stdout } = await run(['modules', 'show', 'greeter-v1.2.3']);
    expect([code, stdout]).toEqual([exitCodes.ok, expect.stringMatching(/functions: greet, health-check/)]);
  });

  it('names the file and the cause when a module cannot be read, before asking the server', async () => {
    const ran = await run(['push', join(directory, 'absent-1.0.0.wasm')]);
    expect(ran.code).toBe(exitCodes.usage);
    expect(ran.stderr).toContain('HS_CLI_UNREADABLE_FILE');
    expect(ran.stderr).toContain('ENOENT');
    expect(calls).toHaveLength(0);
  });

  it('creates and executes a deployment with the configuration of a file', async () => {
    const config = join(directory, 'canary.json');
    await writeFile(config, '{"stages":[50,100]}');
    answers['POST /api/v1/wasm/deployments'] = { status: 201, body: deployment };
    answers['POST /api/v1/wasm/deployments/deploy-1/execute'] = { status: 202, body: deployment };
    const ran = await run([
      '-o',
      'json',
      'deploy',
      'greeter-v1.1.0',
      '--strategy',
      'Canary',
      '--config',
      `@${config}`,
      '--region',
      'us-east',
      '--region',
      'us-west',
    ]);
    expect(ran.code).toBe(exitCodes.ok);
    expect(JSON.parse(ran.stdout)).toMatchObject({ deploymentId: 'deploy-1' });
    expect(calls.map((call) => call.path)).toEqual([
      '/api/v1/wasm/deployments',
      '/api/v1/wasm/deployments/deploy-1/execute',
    ]);
    expect(calls[0]?.body).toEqual({
      moduleId: 'greeter-v1.1.0',
      strategy: 'Canary',
      strategyConfig: { stages: [50, 100] },
      targetRegions: ['us-east', 'us-west'],
    });
  });

  it('deploys what a file says, and lays options over it', async () => {
    answers['POST /api/v1/wasm/deployments'] = { status: 201, body: deployment };
    const file = join(directory, 'deployment.json');
    await writeFile(file, JSON.stringify({ moduleId: 'greeter-v1.1.0', strategy: 'Regional', targetRegions: ['a'] }));
    expect((await run(['deploy', '--file', file, '--region', 'b', '--no-execute'])).code).toBe(exitCodes.ok);
    expect((await run(['deploy', 'greeter-v1.2.0', '-f', file, '--no-execute'])).code).toBe(exitCodes.ok);
    expect(calls.map(({ body }) => body)).toEqual([
      { moduleId: 'greeter-v1.1.0', strategy: 'Regional', targetRegions: ['b'] },
      { moduleId: 'greeter-v1.2.0', strategy: 'Regional', targetRegions: ['a'] },
    ]);
  });

  it('asks for copies of requests first, beside the testers that a file names', async () => {
    answers['POST /api/v1/wasm/deployments'] = { status: 201, body: deployment };
    const file = join(directory, 'deployment.json');
    const match = [{ header: 'x-tester' }];
    await writeFile(file, JSON.stringify({ moduleId: 'greeter-v1.1.0', traffic: { match } }));
    expect((await run(['deploy', 'greeter-v1.1.0', '--mirror', '10', '--no-execute'])).code).toBe(exitCodes.ok);
    await run(['deploy', '--file', file, '--mirror', '2.5', '--mirror-for', 'PT30S', '--no-execute']);
    expect(calls.map(({ body }) => (body as { traffic?: unknown }).traffic)).toEqual([
      { mirror: { percent: 10, duration: 'PT10M' } },
      { match, mirror: { percent: 2.5, duration: 'PT30S' } },
    ]);
    for (const percent of ['0', '-1', 'many']) {
      const refused = await run(['deploy', 'greeter-v1.1.0', `--mirror=${percent}`, '--no-execute']);
      expect([refused.code, refused.stderr]).toEqual([exitCodes.usage, expect.stringContaining('--mirror')]);
    }
    expect(calls).toHaveLength(2);
  });

  it('shows what came of copied requests so far', async () => {
    const mirrored = { copied: 12, equal: 9, different: 2, failed: 1, skipped: 4 };
    answers['GET /api/v1/wasm/deployments/deploy-1'] = { status: 200, body: { ...deployment, mirrored } };
    const { stdout } = await run(['status', 'deploy-1']);
    expect(stdout).toMatch(/copies: +12 answered: 9 equal, 2 different, 1 failed; 4 not compared/);
  });

  it('leaves the strategy to the server when nobody names one', async () => {
    answers['POST /api/v1/wasm/deployments'] = { status: 201, body: deployment };
    await run(['deploy', 'greeter-v1.1.0', '--no-execute']);
    expect(calls[0]?.body).toEqual({ moduleId: 'greeter-v1.1.0' });
    const ran = await run(['deploy', '--strategy', 'Canary']);
    expect([ran.code, ran.stderr]).toEqual([exitCodes.usage, expect.stringContaining('name a module version')]);
  });

  it('lists strategies and marks the one that is recommended', async () => {
    answers['GET /api/v1/wasm/strategies'] = {
      status: 200,
      body: {
        environment: 'Staging',
        recommended: 'Canary',
        strategies: [
          { name: 'Canary', version: 1, recommendedFor: ['staging: production simulation'] },
          { name: 'Waves', version: 2, recommendedFor: [] },
        ],
      },
    };
    const { stdout } = await run(['strategies']);
    expect(stdout).toMatch(/Canary \*\s+1\s+staging: production simulation/);
    expect(stdout).toMatch(/Waves\s+2/);
    expect(stdout).toContain('* without --strategy, on this Staging server');
  });

  it('refuses a configuration that is no JSON as a usage error', async () => {
    const ran = await run(['deploy', 'greeter-v1.1.0', '--config', '{stages}']);
    expect(ran.code).toBe(exitCodes.usage);
    expect(ran.stderr).toContain('--config');
    expect(calls).toHaveLength(0);
  });

  it('prints only the id with --quiet', async () => {
    answers['GET /api/v1/wasm/deployments/deploy-1'] = { status: 200, body: deployment };
    expect((await run(['-q', 'status', 'deploy-1'])).stdout).toBe('deploy-1\n');
  });

  it.each([
    ['deployments', 'deployments', [{ deploymentId: 'b' }, { deploymentId: 'a' }], 'b\na\n'],
    ['modules', 'modules', [{ moduleId: 'greeter-v1.0.0' }], 'greeter-v1.0.0\n'],
    ['nodes', 'nodes', [{ nodeId: 'edge-1' }], 'edge-1\n'],
    ['routes', 'routes', [{ moduleName: 'greeter' }], 'greeter\n'],
    ['releases', 'releases', [{ releaseId: 'rel-1' }], 'rel-1\n'],
    ['interface list', 'interfaces', [{ name: 'acme:img', version: '1.2.0' }], 'acme:img@1.2.0\n'],
    ['deployments', 'deployments', [], ''],
  ])('prints only the ids of %s with --quiet, one a line', async (command, noun, rows, printed) => {
    answers[`GET /api/v1/wasm/${noun}`] = { status: 200, body: { [noun]: rows, nextCursor: null } };
    expect((await run(['-q', ...command.split(' ')])).stdout).toBe(printed);
  });

  it('tells people what to say to a deployment that waits for them, and programs only how it stands', async () => {
    const waiting = { ...deployment, status: 'Paused' };
    answers['GET /api/v1/wasm/deployments/deploy-1'] = { status: 200, body: waiting };
    const shown = await run(['status', 'deploy-1']);
    expect(shown.stderr).toContain('hotswap why deploy-1');
    expect(JSON.parse((await run(['-o', 'json', 'status', 'deploy-1'])).stdout)).toEqual(waiting);
    answers['GET /api/v1/wasm/deployments/deploy-1'] = {
      status: 200,
      body: { ...deployment, status: 'PendingApproval' },
    };
    expect((await run(['status', 'deploy-1'])).stderr).toContain('hotswap approve deploy-1');
  });

  it('passes JSON arguments as values and everything else as text', async () => {
    answers['POST /api/v1/wasm/modules/adder/functions/add/invoke'] = {
      status: 200,
      body: { result: 5, moduleId: 'adder-v1.0.0', nodeId: 'n1', durationMs: 0.1 },
    };
    const ran = await run(['invoke', 'adder', 'add', '2', 'three', '{"a":[1]}']);
    expect(ran.stdout).toBe('5\n');
    expect(calls[0]?.body).toMatchObject({ args: [2, 'three', { a: [1] }] });
  });

  it.each([
    [404, exitCodes.notFound],
    [401, exitCodes.denied],
    [403, exitCodes.denied],
    [409, exitCodes.conflict],
    [412, exitCodes.conflict],
    [504, exitCodes.timeout],
    [400, exitCodes.usage],
    [500, exitCodes.error],
  ])('ends with its own code when the server answers %i', async (status, code) => {
    answers['GET /api/v1/wasm/deployments/deploy-1'] = problem(status, 'HS_SOME_CODE', 'what, why, what next');
    const ran = await run(['status', 'deploy-1']);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toContain('what, why, what next');
    expect(ran.stderr).toContain('HS_SOME_CODE');
  });

  it('writes errors as JSON on stdout with --output json', async () => {
    answers['GET /api/v1/wasm/deployments/deploy-1'] = problem(
      404,
      'HS_DEPLOYMENT_NOT_FOUND',
      'There is no deployment deploy-1',
    );
    const ran = await run(['--output', 'json', 'status', 'deploy-1']);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      error: { code: 'HS_DEPLOYMENT_NOT_FOUND', message: 'There is no deployment deploy-1' },
    });
  });

  it('ends with 69 when nothing answers at the address', async () => {
    const refuse = (() =>
      Promise.reject(
        new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }),
      )) as unknown as typeof fetch;
    const ran = await run(['nodes'], { fetch: refuse });
    expect(ran.code).toBe(exitCodes.serverUnreachable);
    expect(ran.stderr).toContain('ECONNREFUSED');
    expect(ran.stderr).toContain('the address is that of HOTSWAP_SERVER');
    const document = await run(['-o', 'json', 'nodes'], { fetch: refuse });
    expect(JSON.parse(document.stdout)).toMatchObject({ error: { details: { addressFrom: 'HOTSWAP_SERVER' } } });
  });

  it('ends with 78 and says where it looked when no server is known', async () => {
    const ran = await run(['--data-dir', directory, 'nodes'], { env: {} });
    expect(ran.code).toBe(exitCodes.badConfig);
    expect(ran.stderr).toContain(join(directory, 'local-admin.json'));
  });

  it('finds the address and credential of a local server in its data directory', async () => {
    await writeFile(
      join(directory, 'local-admin.json'),
      JSON.stringify({ url: 'http://local.test', token: 'local-secret', pid: 1 }),
    );
    answers['GET /api/v1/wasm/nodes'] = { status: 200, body: { nodes: [], nextCursor: null } };
    expect((await run(['--data-dir', directory, 'nodes'], { env: {} })).code).toBe(exitCodes.ok);
    expect(calls[0]?.authorization).toBe('Bearer local-secret');
  });

  it('ends with 130 when it was interrupted', async () => {
    const refuse = (() => Promise.reject(new DOMException('aborted', 'AbortError'))) as unknown as typeof fetch;
    expect((await run(['nodes'], { fetch: refuse, aborted: true })).code).toBe(exitCodes.interrupted);
  });

  it.each([[['frobnicate']], [['status']], [['nodes', '--limit', 'many']], [['--output', 'xml', 'nodes']]])(
    'ends with 2 on wrong usage %j',
    async (args) => {
      expect((await run(args)).code).toBe(exitCodes.usage);
    },
  );

  it('uses colours on a terminal only, and never with NO_COLOR', async () => {
    answers['GET /api/v1/wasm/deployments/deploy-1'] = { status: 200, body: deployment };
    const env = { HOTSWAP_SERVER: 'http://server.test' };
    expect((await run(['status', 'deploy-1'], { env, tty: true })).stdout).toContain('\u001b[');
    expect((await run(['status', 'deploy-1'], { env: { ...env, NO_COLOR: '1' }, tty: true })).stdout).not.toContain(
      '\u001b[',
    );
    expect((await run(['status', 'deploy-1'], { env })).stdout).not.toContain('\u001b[');
  });
});
