import { describe, expect, it } from 'vitest';
import type { DesiredState } from '@hotswap/core';
import { AgentHub } from '../src/agents/agent-hub.ts';
import type { EventStream } from '../src/http/event-stream.ts';
import type { ChangeHint } from '../src/ports/change-hints.ts';
import type { DesiredStates } from '../src/ports/node-registry.ts';

class FakeStream implements EventStream {
  isOpen = true;
  readonly sent: string[] = [];
  readonly #handlers: (() => void)[] = [];

  send({ data }: { readonly data: string }): boolean {
    this.sent.push(data);
    return true;
  }

  mark(): boolean {
    return this.isOpen;
  }

  close(): void {
    this.isOpen = false;
    for (const handler of this.#handlers) handler();
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  onClose(handler: () => void): void {
    this.#handlers.push(handler);
  }
}

/** Claims and states as the database holds them for one node, with hints that may be lost. */
class FakeStates implements DesiredStates {
  streamEpoch = 0;
  readonly #handlers: ((hint: ChangeHint) => void)[] = [];

  read(): Promise<ReadonlyMap<string, DesiredState>> {
    return Promise.resolve(new Map([['n', { nodeId: 'n', generation: 1, modules: [], heartbeatIntervalMs: 1_000 }]]));
  }

  marks(): Promise<ReadonlyMap<string, { readonly generation: number; readonly streamEpoch: number }>> {
    return Promise.resolve(new Map([['n', { generation: 1, streamEpoch: this.streamEpoch }]]));
  }

  claimStream(): Promise<number> {
    return Promise.resolve(++this.streamEpoch);
  }

  subscribe(handler: (hint: ChangeHint) => void): () => void {
    this.#handlers.push(handler);
    return () => undefined;
  }

  tell(hint: ChangeHint): void {
    for (const handler of this.#handlers) handler(hint);
  }
}

describe('AgentHub', () => {
  const open = (): { states: FakeStates; hub: AgentHub } => {
    const states = new FakeStates();
    const hub = new AgentHub({
      desired: states,
      changes: states,
      onError: (error) => expect.unreachable(String(error)),
    });
    hub.start();
    return { states, hub };
  };
  const claim = async (hub: AgentHub): Promise<number> => (await hub.claim('t', 'n', null)) ?? expect.unreachable();

  it('ends a stream at once when it hears that a later one was opened elsewhere', async () => {
    const { states, hub } = open();
    const stream = new FakeStream();
    await hub.connect('t', 'n', await claim(hub), stream);
    states.tell({ topic: 'stream', tenant: 't', nodeId: 'n', epoch: 1 });
    states.tell({ topic: 'stream', tenant: 't', nodeId: 'other', epoch: 9 });
    expect([stream.isOpen, stream.sent.length, hub.size]).toEqual([true, 1, 1]);
    states.tell({ topic: 'stream', tenant: 't', nodeId: 'n', epoch: 2 });
    expect([stream.isOpen, hub.size]).toEqual([false, 0]);
    await hub.stop();
  });

  it('feeds no stream that was given away while it was being opened, though nobody told of it', async () => {
    const { states, hub } = open();
    const stream = new FakeStream();
    const epoch = await claim(hub);
    states.streamEpoch++;
    await hub.connect('t', 'n', epoch, stream);
    expect([stream.isOpen, stream.sent, hub.size]).toEqual([false, [], 0]);
    await hub.stop();
  });

  it('ends a stream that was given away when it looks next, without a hint of that', async () => {
    const { states, hub } = open();
    const stream = new FakeStream();
    await hub.connect('t', 'n', await claim(hub), stream);
    states.streamEpoch++;
    states.tell({ topic: 'resync' });
    await expect.poll(() => stream.isOpen).toBe(false);
    await hub.stop();
  });

  it('goes by the order of the claims, not by the one in which streams are ready', async () => {
    const { hub } = open();
    const [early, late] = [new FakeStream(), new FakeStream()];
    const [first, second] = [await claim(hub), await claim(hub)];
    await hub.connect('t', 'n', second, late);
    await hub.connect('t', 'n', first, early);
    expect([early.isOpen, early.sent, late.isOpen, hub.size]).toEqual([false, [], true, 1]);
    await hub.stop();
  });
});
