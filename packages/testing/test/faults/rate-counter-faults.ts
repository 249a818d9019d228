import { rateGrant, type RateCounter, type RateQuestion } from '@hotswap/core';
import { VirtualTime, type RateCounterRig } from '@hotswap/testing';

interface Counts {
  index: number;
  current: number;
  previous: number;
}

/** The smallest counter that keeps the contract, with a place for each fault. */
interface Options {
  readonly keyOf?: (question: RateQuestion) => string;
  readonly change?: (question: RateQuestion) => RateQuestion;
  readonly previousOf?: (counts: Counts) => number;
  readonly counted?: (granted: number, question: RateQuestion) => number;
  readonly late?: boolean;
  readonly apart?: boolean;
  readonly answer?: (grant: ReturnType<typeof rateGrant>) => ReturnType<typeof rateGrant>;
}

function counterOf(time: VirtualTime, options: Options, kept: Map<string, Counts>): RateCounter {
  const { keyOf = ({ key }) => key, change = (asked) => asked, previousOf = ({ previous }) => previous } = options;
  const { counted = (granted) => granted, answer = (grant) => grant } = options;
  return {
    async take(asked) {
      const question = change(asked);
      const index = Math.floor(time.now() / question.windowMs);
      const before = kept.get(keyOf(asked)) ?? { index, current: 0, previous: 0 };
      const counts =
        before.index === index
          ? { ...before }
          : { index, current: 0, previous: before.index === index - 1 ? before.current : 0 };
      if (options.late === true) await Promise.resolve();
      const elapsedMs = time.now() - index * question.windowMs;
      const grant = rateGrant(question, { current: counts.current, previous: previousOf(counts), elapsedMs });
      counts.current += counted(grant.granted, asked);
      kept.set(keyOf(asked), counts);
      return answer(grant);
    },
  };
}

/** For each clause of the suite a counter that breaks it. */
export const rateCounterFaults: Readonly<Record<string, Options>> = {
  'grants up to the limit, then says for how long not': { answer: (grant) => ({ ...grant, retryAfterMs: 0 }) },
  'counts each key by itself': { keyOf: ({ key }) => key.split('\n', 1)[0] ?? '' },
  'grants a part when not everything is left': {
    answer: (grant) => (grant.remaining === 0 ? { ...grant, granted: 0 } : grant),
  },
  'tells what is left without taking any': { counted: (granted) => Math.max(1, granted) },
  'is the same for two servers': { apart: true },
  'never grants more than the limit, however many ask at once': { late: true },
  'keeps to a limit that has fallen': { change: (asked) => ({ ...asked, limit: Math.max(10, asked.limit) }) },
  'counts on from the window before, so that its edge lets nothing extra through': { previousOf: () => 0 },
  'grants again once the time that it named is over': {
    answer: (grant) => ({ ...grant, retryAfterMs: grant.retryAfterMs / 4 }),
  },
  'does not count what it refuses': { counted: (_granted, { amount }) => amount },
};

/** A rig over the sound counter, or over one with a fault. */
export function rateCounterRig(options: Options = {}): Promise<RateCounterRig> {
  const time = new VirtualTime();
  const kept = new Map<string, Counts>();
  return Promise.resolve({
    counter: counterOf(time, options, kept),
    other: counterOf(time, options, options.apart === true ? new Map<string, Counts>() : kept),
    letPass: (ms) => time.advance(Math.ceil(ms)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
