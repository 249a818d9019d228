import type { Scheduler } from '@hotswap/core';
import { VirtualScheduler, VirtualTime, type SchedulerRig } from '@hotswap/testing';

type Handler = Parameters<Scheduler['start']>[0];
type Break = (scheduler: Scheduler, time: VirtualTime) => Partial<Scheduler>;

const withHandler =
  (wrap: (handler: Handler, scheduler: Scheduler) => Handler): Break =>
  (scheduler) => ({ start: (handler) => scheduler.start(wrap(handler, scheduler)) });

/** For each clause of the scheduler suite a scheduler that breaks it. */
export const schedulerFaults: Readonly<Record<string, Break>> = {
  'delivers a wake that is due, with tenant and deployment': withHandler(
    (handler) => (wake) => handler({ ...wake, tenant: 'default' }),
  ),
  'delivers what was asked for before it was started': (scheduler) => {
    let started = false;
    return {
      start: (handler) => ((started = true), scheduler.start(handler)),
      wake: async (...args) => (started ? scheduler.wake(...args) : undefined),
    };
  },
  'delivers a wake at its time and not before': (scheduler, time) => ({
    wake: (tenant, id) => scheduler.wake(tenant, id, time.now()),
  }),
  'delivers a wake again when its handler failed': withHandler(
    (handler) => (wake) => handler(wake).catch(() => undefined),
  ),
  'a failing handler of one deployment keeps no other one waiting': withHandler((handler) => {
    let blocked = false;
    return async (wake) => {
      if (blocked && wake.deploymentId !== 'bad') throw new TypeError('behind the bad one');
      blocked = wake.deploymentId === 'bad';
      await handler(wake);
    };
  }),
  'never loses the earliest of several wakes of a deployment': (scheduler, time) => {
    const latest = new Map<string, number>();
    return {
      wake: async (tenant, id, at) => {
        latest.set(id, at);
        time.at(Math.max(at, time.now()), () => (latest.get(id) === at ? scheduler.wake(tenant, id, at) : undefined));
      },
    };
  },
  'delivers a wake that was asked for while another one of the deployment is being handled': (scheduler) => {
    let handling = false;
    return {
      start: (handler) =>
        scheduler.start(async (wake) => {
          handling = true;
          await handler(wake).finally(() => (handling = false));
        }),
      wake: async (...args) => (handling ? undefined : scheduler.wake(...args)),
    };
  },
  'delivers nothing once it is disposed of': () => ({ [Symbol.asyncDispose]: async () => {} }),
};

/** The virtual scheduler with a fault. */
export function brokenSchedulerRig(fault: Break): SchedulerRig {
  const time = new VirtualTime();
  const scheduler = new VirtualScheduler(time);
  const whole: Scheduler = {
    start: (handler) => scheduler.start(handler),
    wake: (...args) => scheduler.wake(...args),
    [Symbol.asyncDispose]: () => scheduler[Symbol.asyncDispose](),
  };
  return {
    scheduler: { ...whole, ...fault(whole, time) },
    now: () => time.now(),
    letPass: (ms) => time.advance(ms),
    patienceMs: 10_000,
    [Symbol.asyncDispose]: async () => {},
  };
}
