import { connect } from 'node:net';
import { readFile } from 'node:fs/promises';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, until } from './http-client.ts';
import { type HttpFixture, httpFixture, route } from './http-fixture.ts';

const disconnects = 10_000;
const atOnce = 50;
const lab = [
  'GET /lab/hello',
  'GET /lab/stream?n=20&ms=2',
  'GET /lab/big?bytes=300000',
  'GET /lab/sleep?ms=30',
  'POST /lab/echo',
  'POST /lab/discard',
  'POST /js/echo',
  'GET /js/stream',
];

/** Sends a request, whole or in part, and is gone after a moment, whatever has come back by then. */
async function leaveInTheMiddle(port: number, begin: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const head = `${begin} HTTP/1.1\r\nhost: x\r\n${begin.startsWith('POST') ? 'content-length: 100000\r\n' : ''}\r\n`;
  socket.write(Math.random() < 0.1 ? head.slice(0, Math.floor(Math.random() * head.length)) : head);
  if (begin.startsWith('POST')) socket.write(Buffer.alloc(Math.floor(Math.random() * 100_000)));
  setTimeout(
    () => {
      if (Math.random() < 0.5) socket.resetAndDestroy();
      else socket.destroy();
    },
    Math.floor(Math.random() * 15),
  );
  await gone;
}

describe('clients that leave at random', () => {
  let fixture: HttpFixture;
  beforeAll(async () => {
    await buildExampleModules();
    fixture = await httpFixture();
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  it(`do no harm, ${disconnects.toLocaleString('en')} of them`, { timeout: 120_000 }, async () => {
    const module = await fixture.test.host.load({ bytes: await readFile(exampleModule('http-lab').path) });
    fixture.serve('lab', { v: [module, 1] });
    let running = 0;
    const { port, plane } = await fixture.open([route('lab', '/lab')], {
      fallback: async ({ url, body }) => {
        running++;
        try {
          if (url === '/js/echo') {
            for await (const _ of body) continue;
            return { status: 200, body: 'read' };
          }
          return {
            status: 200,
            body: (async function* () {
              for (let at = 0; at < 20; at++) yield await Promise.resolve(Buffer.alloc(20_000));
            })(),
          };
        } finally {
          running--;
        }
      },
    });
    const rounds = async (count: number): Promise<void> => {
      let left = count;
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          while (left-- > 0) await leaveInTheMiddle(port, lab[Math.floor(Math.random() * lab.length)] as string);
        }),
      );
      // A guest gets a moment after its answer, and its module waits for it.
      const isOver = (): boolean => plane.stats().connections === 0 && running === 0 && module.stats().inFlight === 0;
      await until(() => plane.stats().inFlight === 0 && isOver(), 20_000);
    };
    await rounds(disconnects / 4);
    const before = process.memoryUsage.rss();
    await rounds((disconnects * 3) / 4);
    const after = process.memoryUsage.rss();
    expect(module.stats().inFlight).toBe(0);
    expect(await ask(port, '/lab/hello')).toMatchObject({ status: 200 });
    // Garbage of this test is in it; what is left behind by 7,500 requests would be far more.
    expect(after - before).toBeLessThan(100 * 1_048_576);
  });
});
