import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses } from '@hotswap/protocol';

interface Span {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}
interface Traces {
  readonly resourceSpans: readonly {
    readonly resource: Pick<Span, 'attributes'>;
    readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, 'service'>[] }[];
  }[];
}

const factOf = ({ attributes }: Pick<Span, 'attributes'>, name: string): unknown =>
  Object.values(attributes.find(({ key }) => key === name)?.value ?? {})[0];

describe('traces over OTLP', () => {
  const spans: Span[] = [];
  let receiver: Server;
  let cluster: LocalCluster;
  let dataDirectory: string;

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Traces;
        for (const { resource, scopeSpans } of resourceSpans)
          for (const span of scopeSpans.flatMap((scope) => scope.spans))
            spans.push({ ...span, service: String(factOf(resource, 'service.name')) });
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-traced-'));
    cluster = await startLocalCluster({
      dataDirectory,
      nodes: [{ nodeId: 'traced-1', region: 'us-east', zone: 'us-east-1a' }],
      serverEnv: { HOTSWAP_OTLP_ENDPOINT: endpoint, HOTSWAP_TRACE_SAMPLE_RATIO: '0' },
      agentEnv: () => ({ HOTSWAP_AGENT_OTLP_ENDPOINT: endpoint }),
    });
  });

  afterAll(async () => {
    await cluster.stop();
    await new Promise((resolve) => receiver.close(resolve));
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const within = { timeout: 30_000, interval: 200 };
  /** Names from the root down, one line for each span. */
  const treeOf = (traceId: string, parent: string | undefined, depth = 0): readonly string[] =>
    spans
      .filter((span) => span.traceId === traceId && span.parentSpanId === parent)
      .flatMap((span) => [
        `${'  '.repeat(depth)}${span.service}: ${span.name}`,
        ...treeOf(traceId, span.spanId, depth + 1),
      ]);

  it('has a rollout as one trace with its steps, whatever the share of requests is', async () => {
    const { moduleId } = await cluster.client.modules.register({
      name: 'greeter',
      version: '1.0.0',
      wasm: await readFile(exampleModule('greeter', '1.0.0').path),
    });
    const { deploymentId } = await cluster.client.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await cluster.client.deployments.execute(deploymentId);
    const status = async (): Promise<string> => (await cluster.client.deployments.get(deploymentId)).status;
    await expect.poll(status, within).toSatisfy((now: string) => (finalStatuses as readonly string[]).includes(now));
    const rollout = (): Span | undefined =>
      spans.find((span) => factOf(span, 'hotswap.deployment.id') === deploymentId);
    await expect.poll(() => rollout()?.name, within).toBe('deployment AllAtOnce');
    const tree = treeOf(rollout()?.traceId ?? '', undefined);
    expect(tree[0]).toBe('wasm-orchestrator: deployment AllAtOnce');
    expect(tree).toContain('  wasm-orchestrator: step deploy');
    expect(tree).toContain('  wasm-orchestrator: step shiftTraffic');
    expect(spans.filter(({ name }) => name.startsWith('GET ') || name.startsWith('POST '))).toEqual([]);
  });

  it('goes on with a caller’s trace: server, gateway, node, module', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const parent = '00f067aa0ba902b7';
    const answer = await fetch(`${cluster.url}/api/v1/wasm/modules/greeter/functions/greet/invoke`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${cluster.token}`,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${parent}-01`,
      },
      body: JSON.stringify({ args: ['Ada'] }),
    });
    expect(await answer.json()).toMatchObject({ result: 'Hello, Ada!', nodeId: 'traced-1' });
    await expect
      .poll(() => treeOf(traceId, parent), within)
      .toEqual([
        'wasm-orchestrator: POST /api/v1/wasm/modules/:ref/functions/:function/invoke',
        '  wasm-orchestrator: gateway attempt',
        '    wasm-edge-agent: invoke',
        '      wasm-edge-agent: module execution',
      ]);
    const execution = spans.find((span) => span.traceId === traceId && span.name === 'module execution');
    expect(execution && factOf(execution, 'hotswap.module.id')).toBe('greeter-v1.0.0');
  });
});
