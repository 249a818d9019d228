import assert from 'node:assert/strict';
import type { Scheduler } from '@hotswap/core';
import { defineSuite, type Clauses, type SuiteOptions } from '../define-suite.ts';
import { waitUntil } from '../wait-until.ts';
import type { SchedulerRig } from './scheduler-rig.ts';

type Wake = Parameters<Parameters<Scheduler['start']>[0]>[0];

async function arrives(rig: SchedulerRig, woken: readonly Wake[], deploymentId: string, times = 1): Promise<void> {
  const count = (): number => woken.filter((wake) => wake.deploymentId === deploymentId).length;
  const arrived = await waitUntil(
    () => count() >= times,
    (ms) => rig.letPass(ms),
    rig.patienceMs,
  );
  assert.ok(arrived, `${deploymentId} was woken ${count()} times of ${times}`);
}

/** Far enough ahead that nothing but the wake's own time can explain a delivery. */
const laterMs = 1_500;

const clauses: Clauses<SchedulerRig> = {
  async 'delivers a wake that is due, with tenant and deployment'(rig) {
    const woken: Wake[] = [];
    await rig.scheduler.start(async (wake) => void woken.push(wake));
    await rig.scheduler.wake('acme', 'd1', rig.now() - 1_000);
    await arrives(rig, woken, 'd1');
    assert.deepEqual(
      { tenant: woken[0]?.tenant, deploymentId: woken[0]?.deploymentId },
      { tenant: 'acme', deploymentId: 'd1' },
    );
  },

  async 'delivers what was asked for before it was started'(rig) {
    const woken: Wake[] = [];
    await rig.scheduler.wake('acme', 'early', rig.now() - 1_000);
    await rig.scheduler.start(async (wake) => void woken.push(wake));
    await arrives(rig, woken, 'early');
  },

  async 'delivers a wake at its time and not before'(rig) {
    const woken: (Wake & { readonly at: number })[] = [];
    const due = rig.now() + laterMs;
    await rig.scheduler.start(async (wake) => void woken.push({ ...wake, at: rig.now() }));
    await rig.scheduler.wake('acme', 'later', due);
    await rig.letPass(laterMs / 3);
    assert.equal(woken.length, 0);
    await arrives(rig, woken, 'later');
    assert.ok((woken[0]?.at ?? 0) >= due, 'it came before its time');
  },

  async 'delivers a wake again when its handler failed'(rig) {
    const woken: Wake[] = [];
    await rig.scheduler.start(async (wake) => {
      woken.push(wake);
      if (woken.length < 3) throw new TypeError('the handler fails twice');
    });
    await rig.scheduler.wake('acme', 'stubborn', rig.now());
    await arrives(rig, woken, 'stubborn', 3);
  },

  async 'a failing handler of one deployment keeps no other one waiting'(rig) {
    const woken: Wake[] = [];
    await rig.scheduler.start(async (wake) => {
      woken.push(wake);
      if (wake.deploymentId === 'bad') throw new TypeError('this one always fails');
    });
    await rig.scheduler.wake('acme', 'bad', rig.now());
    await rig.scheduler.wake('acme', 'good', rig.now());
    await arrives(rig, woken, 'good');
  },

  async 'never loses the earliest of several wakes of a deployment'(rig) {
    const woken: (Wake & { readonly at: number })[] = [];
    const due = rig.now() + laterMs;
    await rig.scheduler.start(async (wake) => void woken.push({ ...wake, at: rig.now() }));
    await rig.scheduler.wake('acme', 'twice', due + 3_600_000);
    await rig.scheduler.wake('acme', 'twice', due);
    await rig.scheduler.wake('acme', 'twice', due + 7_200_000);
    await arrives(rig, woken, 'twice');
  },

  async 'delivers a wake that was asked for while another one of the deployment is being handled'(rig) {
    const woken: Wake[] = [];
    await rig.scheduler.start(async (wake) => {
      woken.push(wake);
      if (woken.length === 1) await rig.scheduler.wake('acme', 'again', rig.now());
    });
    await rig.scheduler.wake('acme', 'again', rig.now());
    await arrives(rig, woken, 'again', 2);
  },

  async 'delivers nothing once it is disposed of'(rig) {
    const woken: Wake[] = [];
    await rig.scheduler.start(async (wake) => void woken.push(wake));
    await rig.scheduler.wake('acme', 'late', rig.now() + laterMs / 3);
    await rig.scheduler[Symbol.asyncDispose]();
    await rig.letPass(laterMs);
    assert.deepEqual(woken, []);
  },
};

/**
 * What a `Scheduler` has to do: at least once, not before its time, and again after a failure.
 * @public
 */
export function schedulerSuite(options: SuiteOptions<SchedulerRig>): void {
  defineSuite(options, clauses);
}
