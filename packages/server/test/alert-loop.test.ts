import { describe, expect, it } from 'vitest';
import type { HotSwapEvent } from '@hotswap/core';
import { AlertLoop, type AlertLoopParts } from '../src/alerts/alert-loop.ts';
import { AlertWebhook, signAlert } from '../src/alerts/alert-webhook.ts';
import { NodeWatchLoop } from '../src/alerts/node-watch-loop.ts';
import type { OutboxMessage } from '../src/ports/outbox.ts';
import type { ChangeHint } from '../src/ports/change-hints.ts';

const message = (messageId: number, changes: Partial<OutboxMessage> = {}): OutboxMessage => ({
  messageId,
  tenant: 'default',
  deploymentId: 'd1',
  nodeId: null,
  text: 'greeter: Health checks failed',
  severity: 'critical',
  facts: null,
  createdAt: Date.UTC(2026, 0, 1),
  attempts: 1,
  ...changes,
});

/** A loop over messages that are due, and everything that it does. */
function scene(due: readonly OutboxMessage[], webhook?: AlertLoopParts['webhook']) {
  const done: string[] = [];
  const events: HotSwapEvent[] = [];
  let hear: (hint: ChangeHint) => void = () => undefined;
  const log = (level: string) => (_facts: object, text: string) => void done.push(`${level}: ${text}`);
  const loop = new AlertLoop({
    outbox: {
      claim: async () => due,
      read: async (messageId) => due.find((one) => one.messageId === messageId) ?? null,
      announce: async (ids) => {
        done.push(`announced ${ids.join()}`);
        for (const messageId of ids) hear({ topic: 'message', tenant: 'default', messageId });
      },
      markDelivered: async (ids) => void done.push(`delivered ${ids.join()}`),
      deleteOlderThan: async () => 0,
    },
    changes: {
      subscribe: (handler) => {
        hear = handler;
        return () => undefined;
      },
    },
    events: { emit: (event) => void events.push(event) },
    logger: { error: log('error'), warn: log('warn'), info: log('info') } as unknown as AlertLoopParts['logger'],
    ...(webhook === undefined ? {} : { webhook }),
  });
  return { loop, done, events };
}

describe('AlertLoop', () => {
  it('logs, announces and is done where there is no webhook; events carry what was said', async () => {
    const over = message(2, { nodeId: 'edge-1', deploymentId: null, severity: 'info', text: 'edge-1 is back' });
    const { loop, done, events } = scene([message(1), over]);
    loop.start();
    await loop.deliver();
    await loop.stop();
    expect(done).toEqual([
      'error: greeter: Health checks failed',
      'info: edge-1 is back',
      'announced 1,2',
      'delivered 1,2',
    ]);
    expect(events.map(({ topic, subject }) => [topic, subject])).toEqual([
      ['alerts.deployment', 'd1'],
      ['alerts.node', 'edge-1'],
    ]);
    expect(events[0]?.facts).toEqual({
      alertId: 'alert-1',
      at: '2026-01-01T00:00:00.000Z',
      severity: 'critical',
      text: 'greeter: Health checks failed',
      facts: null,
    });
  });

  it('leaves what the webhook did not take for later, says it only once, and gives up after fifteen attempts', async () => {
    const refusing = { send: () => Promise.reject(new TypeError('fetch failed')) };
    const { loop, done } = scene([message(1, { attempts: 2 }), message(2, { attempts: 15 })], refusing);
    await loop.deliver();
    expect(done).toEqual(['warn: an alert will be sent again', 'warn: an alert is given up', 'delivered 2']);
  });
});

describe('AlertWebhook', () => {
  const alert = { alertId: 'alert-1', text: 'x' } as never;
  const answering =
    (status: number): typeof fetch =>
    async () =>
      new Response(null, { status });

  it.each([
    ['an error', answering(500), 'it answered 500'],
    ['a redirect', answering(302), 'it answered 302'],
    [
      'no connection',
      () => Promise.reject(Object.assign(new TypeError(), { cause: { code: 'ECONNREFUSED' } })),
      'ECONNREFUSED',
    ],
  ])('is not content with %s', async (_what, fetch, why) => {
    const webhook = new AlertWebhook({ url: 'http://127.0.0.1:1/', now: () => 0, fetch });
    await expect(webhook.send(alert)).rejects.toMatchObject({ code: 'HS_ALERT_NOT_DELIVERED', details: { why } });
  });

  it('signs time and body, and nothing without a secret', async () => {
    const sent: Headers[] = [];
    const fetch = (async (_url: string, init: RequestInit) => {
      sent.push(new Headers(init.headers));
      return new Response(null, { status: 204 });
    }) as unknown as typeof globalThis.fetch;
    await new AlertWebhook({ url: 'http://a/', now: () => 5_999, fetch }).send(alert);
    await new AlertWebhook({ url: 'http://a/', secret: 's', now: () => 5_999, fetch }).send(alert);
    expect(sent.map((headers) => headers.get('x-hotswap-signature'))).toEqual([
      null,
      signAlert(JSON.stringify(alert), 's', 5),
    ]);
  });
});

describe('NodeWatchLoop', () => {
  it('asks for silences of two minutes, in the words of the alert (NOD-5)', async () => {
    const topics: string[] = [];
    const asked: unknown[] = [];
    const loop = new NodeWatchLoop({
      silences: {
        turn: async (unhealthyAfterMs, wording) => {
          const silent = { tenant: 'default', nodeId: 'edge-1', kind: 'silent', silentForMs: 121_000 } as const;
          asked.push(unhealthyAfterMs, wording(silent));
          return [silent, { ...silent, kind: 'heard' }];
        },
      },
      events: { emit: ({ topic }) => void topics.push(topic) },
      onError: (error) => {
        throw error;
      },
    });
    await loop.look();
    expect(asked).toEqual([120_000, { text: 'edge-1 has not sent heartbeat in 2 minutes', severity: 'warning' }]);
    expect(topics).toEqual(['node.unhealthy', 'node.changed', 'node.recovered', 'node.changed']);
  });
});
