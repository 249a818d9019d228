import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startTestServer } from './start-test-server.ts';

it('stops although a reader of events is there and a client has connected that never asks', async () => {
  const test = await startTestServer();
  const { hostname, port } = new URL(test.url);
  const silent = connect(Number(port), hostname);
  const ended = once(silent, 'close');
  await once(silent, 'connect');
  const events = await fetch(`${test.url}/api/v1/wasm/events?topic=alerts`, {
    headers: { authorization: `Bearer ${test.token}` },
  });
  const whole = events.text();
  await test.server.stop();
  // The stream was ended in order, and the other connection was not waited for.
  expect(await whole).toContain(':');
  await ended;
  await test[Symbol.asyncDispose]();
}, 60_000);
