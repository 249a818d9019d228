import { createHmac } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readSse } from '@hotswap/protocol';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const secret = 'a secret of the receiver';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly alert: { alertId: string; severity: string; topic: string; subject: string; text: string };
}

/** Somebody who takes alerts. */
class Receiver {
  readonly received: Received[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/alerts`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    this.received.push({ headers: request.headers, body, alert: JSON.parse(body) as Received['alert'] });
    response.writeHead(204).end();
  }

  of(topic: string): readonly string[] {
    return this.received
      .filter(({ alert }) => alert.topic === topic)
      .map(({ alert }) => `${alert.severity}: ${alert.text}`);
  }
}

describe('alerts', () => {
  let receiver: Receiver;
  let test: TestServer;
  let agent: ScriptedAgent;
  const streams: AbortController[] = [];

  /** Unless the overrides say otherwise, a node counts as silent after minutes: no test has to be quicker. */
  const start = async (overrides: NonNullable<Parameters<typeof startTestServer>[1]> = {}): Promise<void> => {
    receiver = new Receiver();
    test = await startTestServer({ alertsWebhookUrl: await receiver.start(), alertsWebhookSecret: secret }, overrides);
  };

  const join = async (): Promise<void> => {
    agent = new ScriptedAgent({
      url: test.url,
      nodeId: 'edge-us-east-01',
      region: 'us-east',
      joinToken: (await test.client.nodes.createJoinToken()).token,
      releases: ({ version }) => (version === '2.0.0' ? { health: 'unhealthy' } : {}),
    });
    await agent.start();
  };

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.abort();
    await agent.stop();
    await test[Symbol.asyncDispose]();
    await receiver.stop();
  });

  /** What the event stream says from now on, by topic. */
  const listen = async (topic: string): Promise<{ topic: string; subject: string; facts: unknown }[]> => {
    const abort = new AbortController();
    streams.push(abort);
    const response = await fetch(`${test.url}/api/v1/wasm/events?topic=${topic}`, {
      headers: { authorization: `Bearer ${test.token}` },
      signal: abort.signal,
    });
    const heard: { topic: string; subject: string; facts: unknown }[] = [];
    void (async () => {
      for await (const event of readSse(response.body as unknown as AsyncIterable<Uint8Array>))
        heard.push(JSON.parse(event.data) as (typeof heard)[number]);
    })().catch(() => undefined);
    return heard;
  };

  const rollOut = async (moduleId: string, status: string): Promise<string> => {
    const { deploymentId } = await test.client.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 15_000 })
      .toBe(status);
    return deploymentId;
  };

  it('tell of a rollout that fails: in event streams, and signed to the webhook (DEP-14)', async () => {
    await start();
    await join();
    for (const version of ['1.0.0', '2.0.0'])
      await test.client.modules.register({ name: 'greeter', version, wasm: coreModule({ salt: version }) });
    await rollOut('greeter-v1.0.0', 'Completed');
    const heard = await listen('alerts');
    const deploymentId = await rollOut('greeter-v2.0.0', 'RolledBack');
    await expect
      .poll(() => heard, { timeout: 10_000 })
      .toContainEqual(
        expect.objectContaining({
          topic: 'alerts.deployment',
          subject: deploymentId,
          facts: expect.objectContaining({
            severity: 'critical',
            text: expect.stringContaining('ealth check') as string,
          }) as unknown,
        }),
      );
    await expect.poll(() => receiver.of('deployment'), { timeout: 10_000 }).toHaveLength(1);
    const [{ headers, body, alert }] = receiver.received as [Received];
    expect(alert).toMatchObject({ severity: 'critical', topic: 'deployment', subject: deploymentId });
    const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-hotswap-signature'])) ?? [];
    expect(createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')).toBe(signature);
    expect(headers['x-hotswap-alert']).toBe(alert.alertId);
  });

  it('tell of a node that falls silent, once, with an act in the audit chain (NOD-5)', async () => {
    await start({ nodeWatch: { unhealthyAfterMs: 600, lookMs: 50 } });
    const heard = await listen('alerts.node');
    // A scripted agent reports when there is news, and there is none.
    await join();
    await expect.poll(() => receiver.of('node'), { timeout: 10_000 }).toHaveLength(1);
    expect(receiver.of('node')[0]).toMatch(/^warning: edge-us-east-01 has not sent heartbeat in \d+ minutes$/);
    await expect
      .poll(() => heard)
      .toEqual([expect.objectContaining({ topic: 'alerts.node', subject: 'edge-us-east-01' })]);
    const acts = await test.client.audit.list({ action: 'node.unhealthy' });
    expect(acts.acts.map(({ object, actor }) => [object, actor])).toEqual([['edge-us-east-01', 'engine:node-watch']]);
  });
});
