import assert from 'node:assert/strict';
import { defineSuite, type Clauses, type SuiteOptions } from '../define-suite.ts';
import { waitUntil } from '../wait-until.ts';
import type { FanOutRig } from './fan-out-rig.ts';

async function arrives(rig: FanOutRig, heard: readonly string[], message: string): Promise<void> {
  const hasCome = await waitUntil(
    () => heard.includes(message),
    (ms) => rig.letPass(ms),
    rig.patienceMs,
  );
  assert.ok(hasCome, `${message} did not come; heard: ${heard.join(', ')}`);
}

const clauses: Clauses<FanOutRig> = {
  async 'brings a message to every other member as it was sent'(rig) {
    const [sender, ...others] = rig.members;
    const heard = others.map((member) => listen(member.subscribe.bind(member)));
    const message = `{"text":"line\\nline \u{1F680}","n":1}`;
    sender.publish(message);
    for (const { messages } of heard) await arrives(rig, messages, message);
  },

  async 'does not bring a member what it sent itself'(rig) {
    const [sender, other] = rig.members;
    const own = listen(sender.subscribe.bind(sender));
    const theirs = listen(other.subscribe.bind(other));
    sender.publish('mine');
    await arrives(rig, theirs.messages, 'mine');
    other.publish('yours');
    await arrives(rig, own.messages, 'yours');
    assert.deepEqual(own.messages, ['yours']);
  },

  async 'keeps the order of one sender'(rig) {
    const [sender, other] = rig.members;
    const { messages } = listen(other.subscribe.bind(other));
    const sent = Array.from({ length: 100 }, (_, i) => `m${i}`);
    for (const message of sent) sender.publish(message);
    await arrives(rig, messages, 'm99');
    assert.deepEqual(messages, sent);
  },

  async 'brings nothing to a handler that was taken away'(rig) {
    const [sender, other] = rig.members;
    const gone = listen(other.subscribe.bind(other));
    const stays = listen(other.subscribe.bind(other));
    gone.stop();
    sender.publish('late');
    await arrives(rig, stays.messages, 'late');
    assert.deepEqual(gone.messages, []);
  },

  async 'takes messages after its end without a complaint'(rig) {
    const [sender, other] = rig.members;
    await sender[Symbol.asyncDispose]();
    sender.publish('to nobody');
    other.publish('still there');
    await sender[Symbol.asyncDispose]();
  },
};

function listen(subscribe: (handler: (message: string) => void) => () => void): {
  readonly messages: readonly string[];
  readonly stop: () => void;
} {
  const messages: string[] = [];
  return { messages, stop: subscribe((message) => messages.push(message)) };
}

/**
 * What a `FanOut` has to do while everybody is there. What is sent while nobody listens may be lost.
 * @public
 */
export function fanOutSuite(options: SuiteOptions<FanOutRig>): void {
  defineSuite(options, clauses);
}
