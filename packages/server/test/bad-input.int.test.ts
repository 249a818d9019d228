import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemDetailsSchema } from '@hotswap/protocol';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type SendOptions, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const modules = '/api/v1/wasm/modules';
const deployments = '/api/v1/wasm/deployments';
const maxWasmSizeBytes = 4_096;

describe('bad input', () => {
  let test: TestServer;
  let agent: ScriptedAgent;

  beforeAll(async () => {
    test = await startTestServer({ maxWasmSizeBytes, maxMemoryCeilingMB: 512 });
    const { token } = await test.client.nodes.createJoinToken();
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken: token });
    await agent.start();
    await test.client.modules.register({ name: 'greeter', version: '1.0.0', wasm: coreModule() });
  });

  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
  });

  /** Every refusal is a whole problem document that gives nothing away. */
  const refused = async (
    method: string,
    path: string,
    options: SendOptions,
  ): Promise<{ status: number; code: string; detail: string; pointers: readonly string[] }> => {
    const { status, body, headers } = await test.send(method, path, options);
    expect(headers.get('content-type')).toBe('application/problem+json');
    const problem = problemDetailsSchema.parse(body);
    expect(problem).toMatchObject({
      status,
      type: `https://hotswap.dev/errors/${problem.code}`,
      requestId: headers.get('x-request-id'),
    });
    expect(JSON.stringify(body)).not.toMatch(/node_modules|\.ts:|select |insert |\/root|\/tmp|at async/);
    return {
      status,
      code: problem.code,
      detail: problem.detail,
      pointers: problem.errors?.map((error) => error.pointer) ?? [],
    };
  };
  const base64 = (bytes: Buffer): string => bytes.toString('base64');
  const json = (extra: object = {}): SendOptions => ({
    body: { name: 'fresh', wasmBinary: base64(coreModule()), ...extra },
  });

  it.each([
    ['no WebAssembly at all', Buffer.from('#!/bin/sh\necho'), 400, 'HS_REGISTRY_INVALID_BINARY'],
    ['nothing', Buffer.from([0]), 400, 'HS_REGISTRY_INVALID_BINARY'],
    ['a cut-off module', coreModule().subarray(0, 20), 400, 'HS_REGISTRY_INVALID_BINARY'],
    [
      'a module with a broken section',
      Buffer.concat([coreModule(), Buffer.from([1, 200, 1])]),
      400,
      'HS_REGISTRY_INVALID_BINARY',
    ],
    [
      'a module that is too large',
      Buffer.concat([coreModule(), Buffer.alloc(maxWasmSizeBytes)]),
      413,
      'HS_LIMIT_MODULE_SIZE',
    ],
  ])('refuses %s, as JSON and streamed', async (_name, bytes, status, code) => {
    expect(await refused('POST', modules, json({ wasmBinary: base64(bytes) }))).toMatchObject({ status, code });
    const streamed = await refused('POST', `${modules}?name=fresh`, {
      body: bytes,
      headers: { 'content-type': 'application/wasm' },
    });
    expect(streamed).toMatchObject({ status, code });
    if (status === 400) expect(streamed.detail).toMatch(/^Invalid WASM binary/);
  });

  it.each([
    ['white space', (text: string) => `${text.slice(0, 8)}\n${text.slice(8)}`],
    ['the URL alphabet', () => 'AGFzbQ_-'],
    ['missing padding', () => 'AGFzbQE'],
    ['stray bits', () => 'AGFzbQF='],
    ['other characters', () => 'AGFz$$$$'],
  ])('refuses base64 with %s', async (_name, change) => {
    expect(await refused('POST', modules, json({ wasmBinary: change(base64(coreModule())) }))).toMatchObject({
      status: 400,
      code: 'HS_REGISTRY_INVALID_BASE64',
      pointers: ['/wasmBinary'],
    });
  });

  it.each([
    ['an unknown field', { colour: 'red' }, ['/colour']],
    ['an unknown field inside', { resourceLimits: { maxMemory: 1 } }, ['/resourceLimits/maxMemory']],
    ['a limit of the wrong type', { resourceLimits: { maxMemoryMB: 'much' } }, ['/resourceLimits/maxMemoryMB']],
    ['a version that is none', { version: '1.2' }, ['/version']],
    ['a duration that is none', { healthCheck: { timeout: 'soon' } }, ['/healthCheck/timeout']],
    ['a name like a version', { name: 'greeter-v1' }, ['/name']],
    ['a name that climbs', { name: '../etc' }, ['/name']],
    ['a name with NUL', { name: 'a\u0000b' }, ['/name']],
    ['a look-alike name', { name: 'grееter' }, ['/name']],
    ['an endless name', { name: 'a'.repeat(300) }, ['/name']],
    ['a device name', { name: 'con' }, ['/name']],
    ['a host that is a URL', { http: { hosts: ['https://shop.example.org/'] } }, ['/http/hosts/0']],
    ['a path prefix that climbs', { http: { pathPrefix: '/shop/../admin' } }, ['/http/pathPrefix']],
    ['an affinity of two kinds', { http: { affinity: { header: 'a', cookie: 'b' } } }, ['/http/affinity']],
    ['an unknown access', { http: { access: 'everybody' } }, ['/http/access']],
    ['a reuse of nothing', { runtime: { reuse: { maxInstances: 0 } } }, ['/runtime/reuse/maxInstances']],
    ['a reuse of a living instance', { runtime: { reuse: {}, stateful: true } }, ['/runtime/reuse']],
    ['fuel that is no number', { runtime: { fuel: 'full' } }, ['/runtime/fuel']],
    [
      'egress to everything',
      { capabilities: { allowedHosts: ['a.example.org', '*'] } },
      ['/capabilities/allowedHosts/1'],
    ],
  ])('refuses a module with %s and points at it', async (_name, extra, pointers) => {
    expect(await refused('POST', modules, json(extra))).toMatchObject({
      status: 400,
      code: 'HS_API_INVALID_REQUEST',
      pointers,
    });
  });

  it('refuses unknown fields in the query of a streamed upload', async () => {
    const streamed = await refused('POST', `${modules}?name=fresh&colour=red&healthCheck=%7B%22enabled%22%3A1%7D`, {
      body: coreModule(),
      headers: { 'content-type': 'application/wasm' },
    });
    expect(streamed).toMatchObject({ status: 400, pointers: ['/query/healthCheck/enabled', '/query/colour'] });
  });

  it.each([
    ['cut off', '{"name": "x"', 400, 'HS_API_INVALID_JSON'],
    ['empty', '', 400, 'HS_API_INVALID_REQUEST'],
    ['an array', '[]', 400, 'HS_API_INVALID_REQUEST'],
    ['poisoned by __proto__', '{"__proto__": {"isAdmin": true}, "name": "x"}', 400, 'HS_API_INVALID_JSON'],
    ['poisoned by constructor', '{"constructor": {"prototype": {"isAdmin": true}}}', 400, 'HS_API_INVALID_JSON'],
    ['nested without end', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, 400, 'HS_API_INVALID_JSON'],
  ])('refuses JSON that is %s', async (_name, body, status, code) => {
    expect(await refused('POST', modules, { body })).toMatchObject({ status, code });
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it.each([
    ['is no HTTP', 'HELLO\r\n\r\n', 400, 'HS_API_INVALID_REQUEST'],
    [
      'has two lengths',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      400,
      'HS_API_INVALID_REQUEST',
    ],
    [
      'has headers without end',
      `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'HS_LIMIT_HEADER_SIZE',
    ],
  ])('answers what %s with a problem document', async (_name, bytes, status, code) => {
    const { hostname, port } = new URL(test.url);
    const socket = connect(Number(port), hostname);
    socket.write(bytes);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('application/problem+json');
    expect(problemDetailsSchema.parse(JSON.parse(body))).toMatchObject({ status, code });
  });

  it('refuses bodies of other types, compressed ones, and ones that are too large', async () => {
    expect(
      await refused('POST', deployments, {
        body: 'a=b',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }),
    ).toMatchObject({ status: 415, code: 'HS_API_UNSUPPORTED_MEDIA_TYPE' });
    expect(
      await refused('POST', `${modules}?name=fresh`, {
        body: coreModule(),
        headers: { 'content-type': 'application/wasm', 'content-encoding': 'gzip' },
      }),
    ).toMatchObject({ status: 415 });
    expect(await refused('POST', deployments, { body: { moduleId: 'x'.repeat(2_000_000) } })).toMatchObject({
      status: 413,
      code: 'HS_LIMIT_BODY_SIZE',
    });
  });

  it.each([
    [
      'a health function that the module lacks',
      { healthCheck: { functionName: 'is_well' } },
      {},
      'HS_REGISTRY_HEALTH_FUNCTION_MISSING',
      ['/healthCheck/functionName'],
    ],
    [
      'no health function at all',
      {},
      { exports: ['run'] },
      'HS_REGISTRY_HEALTH_FUNCTION_MISSING',
      ['/healthCheck/functionName'],
    ],
    [
      'another WASI level than declared',
      { wasiVersion: 'preview1' },
      {},
      'HS_REGISTRY_WASI_MISMATCH',
      ['/wasiVersion'],
    ],
    [
      'an import beyond its interfaces',
      { interfaces: ['wasi:http'] },
      { imports: [['env', 'log']] as const },
      'HS_REGISTRY_INTERFACE_EXCEEDED',
      ['/interfaces'],
    ],
    [
      'an http block beside a state',
      { http: {}, runtime: { stateful: true } },
      {},
      'HS_REGISTRY_STATEFUL_HTTP',
      ['/runtime/stateful'],
    ],
    ['an http block without a handler', { http: {} }, {}, 'HS_REGISTRY_SERVES_NO_HTTP', ['/http']],
  ])('refuses a module with %s', async (_name, extra, binary, code, pointers) => {
    expect(await refused('POST', modules, json({ wasmBinary: base64(coreModule(binary)), ...extra }))).toMatchObject({
      status: 400,
      code,
      pointers,
    });
  });

  it('takes kebab and snake case of a health function for the same, none when checking is off, and preview1 within any bound', async () => {
    expect(
      (await test.send('POST', modules, json({ name: 'kebab', healthCheck: { functionName: 'health-check' } }))).status,
    ).toBe(201);
    expect(
      (
        await test.send(
          'POST',
          modules,
          json({ name: 'off', wasmBinary: base64(coreModule({ exports: ['run'] })), healthCheck: { enabled: false } }),
        )
      ).status,
    ).toBe(201);
    const preview1 = coreModule({ imports: [['wasi_snapshot_preview1', 'sched_yield']] });
    const body = {
      name: 'image-processor',
      wasmBinary: base64(preview1),
      wasiVersion: 'preview1',
      interfaces: ['wasi:http', 'wasi:filesystem'],
      resourceLimits: { maxMemoryMB: 128, maxCpuPercent: 50 },
    };
    expect((await test.send('POST', modules, { body })).body).toMatchObject({
      moduleId: 'image-processor-v1.0.0',
      wasiVersion: 'preview1',
    });
  });

  it('refuses limits above the ceiling and names it', async () => {
    expect(await refused('POST', modules, json({ resourceLimits: { maxMemoryMB: 1_024 } }))).toMatchObject({
      status: 400,
      code: 'HS_LIMIT_RESOURCES',
      detail: expect.stringContaining('512') as unknown,
    });
  });

  it('gives a module five seconds and 128 MB, or what it asks for up to the ceilings (X-17, X-18)', async () => {
    const plain = await test.client.modules.register({ name: 'limits', version: '1.0.0', wasm: coreModule() });
    expect(plain.resourceLimits).toMatchObject({ maxMemoryMB: 128, maxExecutionTime: 'PT5S' });
    const asked = { maxMemoryMB: 512, maxExecutionTime: 'PT1M' };
    const wide = await test.client.modules.register({
      name: 'limits',
      version: '2.0.0',
      wasm: coreModule({ salt: 'wide' }),
      resourceLimits: asked,
    });
    expect(wide.resourceLimits).toMatchObject(asked);
    expect(await refused('POST', modules, json({ resourceLimits: { maxExecutionTime: 'PT61S' } }))).toMatchObject({
      status: 400,
      code: 'HS_LIMIT_RESOURCES',
      detail: expect.stringContaining('PT60S') as unknown,
    });
    const deployment = (resourceLimits: object): object => ({
      body: { moduleId: 'limits-v1.0.0', release: { resourceLimits } },
    });
    const made = await test.send('POST', '/api/v1/wasm/deployments', deployment({ maxMemoryMB: 256 }));
    expect(made.status).toBe(201);
    const release = await test.client.releases.get(String(made.body['releaseId']));
    expect(release.resourceLimits).toMatchObject({ maxMemoryMB: 256, maxExecutionTime: 'PT5S' });
    await test.client.deployments.abort(String(made.body['deploymentId']));
    expect(await refused('POST', '/api/v1/wasm/deployments', deployment({ maxMemoryMB: 513 }))).toMatchObject({
      status: 400,
      code: 'HS_LIMIT_RESOURCES',
    });
  });

  it('answers the same module again with 200, and another one under its version with 409 naming what differs', async () => {
    const same = { body: { name: 'greeter', version: '1.0.0', wasmBinary: base64(coreModule()) } };
    expect((await test.send('POST', modules, same)).status).toBe(200);
    const other = { body: { ...same.body, wasmBinary: base64(coreModule({ salt: 'other' })) } };
    expect(await refused('POST', modules, other)).toMatchObject({
      status: 409,
      code: 'HS_REGISTRY_MODULE_EXISTS',
      detail: expect.stringContaining('digest') as unknown,
    });
    expect(
      await refused('POST', modules, { body: { ...same.body, resourceLimits: { maxMemoryMB: 1 } } }),
    ).toMatchObject({ status: 409, detail: expect.stringContaining('resourceLimits') as unknown });
  });

  it('gives modules without a version the next patch', async () => {
    const versions = [];
    for (const salt of ['a', 'b', 'c'])
      versions.push((await test.client.modules.register({ name: 'counted', wasm: coreModule({ salt }) })).version);
    expect(versions).toEqual(['1.0.0', '1.0.1', '1.0.2']);
    const raced = await Promise.all(
      ['d', 'e', 'f', 'g'].map((salt) => test.client.modules.register({ name: 'counted', wasm: coreModule({ salt }) })),
    );
    expect(new Set(raced.map((module) => module.version)).size).toBe(4);
  });

  it.each([
    ['an unknown module', { moduleId: 'nobody-v1.0.0', strategy: 'Canary' }, 404, 'HS_REGISTRY_MODULE_NOT_FOUND', []],
    [
      'an unknown strategy',
      { moduleId: 'greeter-v1.0.0', strategy: 'YOLO' },
      400,
      'HS_STRATEGY_UNKNOWN',
      ['/strategy'],
    ],
    [
      'stages out of order',
      { moduleId: 'greeter-v1.0.0', strategy: 'Canary', strategyConfig: { stages: [50, 25, 100] } },
      400,
      'HS_STRATEGY_INVALID_CONFIG',
      ['/strategyConfig/stages/1'],
    ],
    [
      'an unknown key in canaryConfig',
      { moduleId: 'greeter-v1.0.0', strategy: 'Canary', canaryConfig: { speed: 9 } },
      400,
      'HS_STRATEGY_INVALID_CONFIG',
      ['/canaryConfig/speed'],
    ],
    [
      'both forms of the configuration',
      { moduleId: 'greeter-v1.0.0', strategy: 'Canary', canaryConfig: {}, strategyConfig: {} },
      400,
      'HS_API_INVALID_REQUEST',
      ['/canaryConfig'],
    ],
    [
      'an unknown region',
      { moduleId: 'greeter-v1.0.0', strategy: 'Canary', targetRegions: ['us-east', 'mars'] },
      400,
      'HS_SELECT_UNKNOWN_REGION',
      ['/targetRegions/1'],
    ],
    [
      'no region',
      { moduleId: 'greeter-v1.0.0', strategy: 'Canary', targetRegions: [] },
      400,
      'HS_API_INVALID_REQUEST',
      ['/targetRegions'],
    ],
    [
      'a health function that the module lacks',
      { moduleId: 'greeter-v1.0.0', strategy: 'Canary', healthCheck: { functionName: 'nope' } },
      400,
      'HS_REGISTRY_HEALTH_FUNCTION_MISSING',
      ['/healthCheck/functionName'],
    ],
    [
      'one that only the strategy names',
      { moduleId: 'greeter-v1.0.0', strategy: 'Canary', strategyConfig: { healthCheckFunction: 'nope' } },
      400,
      'HS_REGISTRY_HEALTH_FUNCTION_MISSING',
      ['/healthCheck/functionName'],
    ],
    [
      'an unknown trigger',
      {
        moduleId: 'greeter-v1.0.0',
        strategy: 'Canary',
        autoRollback: { triggers: [{ metric: 'mood', threshold: 1 }] },
      },
      400,
      'HS_API_INVALID_REQUEST',
      ['/autoRollback/triggers/0/metric'],
    ],
    [
      'an unknown field',
      { moduleId: 'greeter-v1.0.0', strategy: 'Canary', force: true },
      400,
      'HS_API_INVALID_REQUEST',
      ['/force'],
    ],
  ])('refuses a deployment with %s', async (_name, body, status, code, pointers) => {
    expect(await refused('POST', deployments, { body })).toMatchObject({ status, code, pointers });
  });

  it('refuses a second deployment of a module and names the first, even when fifty come at once', async () => {
    const body = { moduleId: 'greeter-v1.0.0', strategy: 'AllAtOnce' };
    const answers = await Promise.all(Array.from({ length: 50 }, () => test.send('POST', deployments, { body })));
    const opened = answers.filter((answer) => answer.status === 201);
    expect(opened).toHaveLength(1);
    const deploymentId = opened[0]?.body['deploymentId'];
    for (const answer of answers)
      if (answer.status !== 201)
        expect(answer).toMatchObject({
          status: 409,
          body: { code: 'HS_DEPLOYMENT_ACTIVE', details: { deploymentId } },
        });
    expect(
      await refused('POST', deployments, { body: { ...body, moduleId: 'counted-v1.0.0', deploymentId } }),
    ).toMatchObject({ status: 409, code: 'HS_DEPLOYMENT_EXISTS' });
    await test.client.deployments.abort(String(deploymentId));
  });

  it('runs a deployment once when it is executed a hundred times', async () => {
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'greeter-v1.0.0',
      strategy: 'AllAtOnce',
    });
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => test.send('POST', `${deployments}/${deploymentId}/execute`, { body: {} })),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    await expect.poll(async () => (await test.client.deployments.get(deploymentId)).status).toBe('Completed');
    const { entries } = await test.client.deployments.journal(deploymentId);
    expect(entries.filter((entry) => entry.type === 'executed')).toHaveLength(1);
  });

  it('lets only the caller approve, and holds list queries and ids to their form', async () => {
    expect(
      await refused('POST', `${deployments}/any/execute`, { body: { approvedBy: 'somebody@example.com' } }),
    ).toMatchObject({ status: 404 });
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'counted-v1.0.0',
      strategy: 'AllAtOnce',
    });
    expect(
      await refused('POST', `${deployments}/${deploymentId}/execute`, { body: { approvedBy: 'somebody@example.com' } }),
    ).toMatchObject({ status: 403, code: 'HS_AUTH_APPROVER_MISMATCH' });
    expect(await refused('GET', `${deployments}?limit=1000`, {})).toMatchObject({
      status: 400,
      pointers: ['/query/limit'],
    });
    expect(await refused('GET', `${deployments}?cursor=%00`, {})).toMatchObject({ status: 400 });
    expect(await refused('GET', `${modules}?colour=red`, {})).toMatchObject({
      status: 400,
      pointers: ['/query/colour'],
    });
    expect(await refused('GET', `${modules}/${encodeURIComponent('../../etc/passwd')}`, {})).toMatchObject({
      status: 404,
    });
    expect(await refused('GET', `${modules}/a%00b`, {})).toMatchObject({ status: 400 });
    expect(await refused('GET', '/api/v1/wasm/nothing', {})).toMatchObject({ status: 404, code: 'HS_API_NOT_FOUND' });
    expect(await refused('POST', `${modules}/greeter/functions/run/invoke`, { body: '[1]' })).toMatchObject({
      status: 400,
    });
    expect(
      await refused('POST', `${modules}/greeter/functions/run/invoke`, {
        body: '{}',
        headers: { 'x-hotswap-timeout-ms': 'soon' },
      }),
    ).toMatchObject({ status: 400 });
    await test.client.deployments.abort(deploymentId);
  });

  it('reports on binaries without keeping them', async () => {
    const before = (await test.client.modules.list()).modules.length;
    expect(await test.client.modules.validate({ wasm: coreModule({ exports: ['run'] }) })).toMatchObject({
      valid: false,
      kind: 'core',
      problems: [expect.stringContaining('health_check')],
    });
    expect(await test.client.modules.validate({ wasm: coreModule() })).toMatchObject({
      valid: true,
      wasiVersion: 'none',
      problems: [],
    });
    expect(await test.client.modules.validate({ wasm: Buffer.from('nope') })).toMatchObject({
      valid: false,
      problems: [expect.stringContaining('Invalid WASM binary')],
    });
    expect((await test.client.modules.list()).modules).toHaveLength(before);
  });
});
