import { z } from 'zod';
import {
  attempt,
  bake,
  deploy,
  nodeCount,
  progress,
  restore,
  shiftTraffic,
  sliceNodes,
  within,
  type NodeSet,
  type Outcome,
  type RolloutContext,
  type Steps,
  type Strategy,
} from '@hotswap/core';
import type { StrategyRig } from '@hotswap/testing';

/** A small strategy that keeps every clause, to be spoilt. */
export function plainStrategy(): Strategy<unknown> {
  return {
    name: 'Plain',
    version: 1,
    configSchema: z.strictObject({ bakeMs: z.number().min(1).default(60_000) }).prefault({}),
    *rollout({ targets, config }) {
      yield* deploy({ nodes: targets });
      yield* shiftTraffic({ percent: 100, to: targets, among: targets });
      yield* progress({ percent: 50 });
      yield* bake({ forMs: (config as { bakeMs: number }).bakeMs, nodes: targets, failure: 'Health checks failed' });
      yield* progress({ percent: 100 });
      return { status: 'Completed' };
    },
  };
}

const spoilt =
  (patch: Partial<Strategy<unknown>>): (() => Strategy<unknown>) =>
  () => ({ ...plainStrategy(), ...patch });
const steps = (rollout: (context: RolloutContext<unknown>) => Steps<Outcome>): (() => Strategy<unknown>) =>
  spoilt({ rollout });

/** Swallows every failure, which only `attempt` may do, and only on purpose. */
function* swallowing(context: RolloutContext<unknown>): Steps<Outcome> {
  for (const step of [
    deploy({ nodes: context.targets }),
    shiftTraffic({ percent: 100, to: context.targets, among: context.targets }),
  ]) {
    try {
      yield* step;
    } catch {
      // "best effort"
    }
  }
  return { status: 'Completed' };
}

/** Remembers from run to run what only the journal may remember. */
function forgetful(): Strategy<unknown> {
  let runs = 0;
  return steps(function* ({ targets }) {
    runs++;
    yield* deploy({ nodes: targets, maxInFlight: runs });
    yield* shiftTraffic({ percent: 100, to: targets, among: targets });
    yield* bake({ forMs: 60_000, nodes: targets, failure: 'Health checks failed' });
    yield* progress({ percent: 100 });
    return { status: 'Completed' };
  })();
}

/** Runs the plain strategy and then waits for somebody who never comes. */
function* neverEnding(context: RolloutContext<unknown>): Steps<Outcome> {
  yield* plainStrategy().rollout(context);
  for (;;) yield { kind: 'pause', version: 1, input: { reason: 'for ever', accepts: ['retry'] } };
}

/** Routes to nodes that were never told to have the release. */
function* routingFirst({ targets }: RolloutContext<unknown>): Steps<Outcome> {
  yield* shiftTraffic({ percent: 100, to: targets, among: targets });
  yield* deploy({ nodes: targets });
  yield* shiftTraffic({ percent: 100, to: targets, among: targets });
  return { status: 'Completed' };
}

function* goingBack(context: RolloutContext<unknown>): Steps<Outcome> {
  yield* progress({ percent: 60 });
  return yield* plainStrategy().rollout(context);
}

/** Half of the requests on one node. */
function* overloading({ targets }: RolloutContext<unknown>): Steps<Outcome> {
  yield* deploy({ nodes: targets });
  yield* shiftTraffic({ percent: 50, to: sliceNodes(targets, 0, 1), among: targets });
  yield* shiftTraffic({ percent: 100, to: targets, among: targets });
  return { status: 'Completed' };
}

/** A release that the deployment is not about. */
function* smuggling({ targets }: RolloutContext<unknown>): Steps<Outcome> {
  yield* deploy({ nodes: targets, releaseId: 'v0' });
  yield* shiftTraffic({ percent: 100, to: targets, among: targets, releaseId: 'v0' });
  return yield* allAtOnce(targets);
}

/** All requests on half of the nodes, where all were needed before. */
function* shrinking({ targets }: RolloutContext<unknown>): Steps<Outcome> {
  const half = sliceNodes(targets, 0, Math.ceil(nodeCount(targets) / 2));
  yield* deploy({ nodes: half });
  yield* shiftTraffic({ percent: 100, to: half, among: targets });
  return yield* allAtOnce(targets);
}

/** Gives and takes away without anything being wrong. */
function* wavering({ targets }: RolloutContext<unknown>): Steps<Outcome> {
  yield* deploy({ nodes: targets });
  yield* shiftTraffic({ percent: 100, to: targets, among: targets });
  yield* shiftTraffic({ percent: 0, to: targets, among: targets });
  return yield* allAtOnce(targets);
}

/** Goes on with other nodes before it takes back what has failed: in a hold that has to wait. */
function* goingOnFirst({ targets }: RolloutContext<unknown>): Steps<Outcome> {
  const [first, others] = [sliceNodes(targets, 0, 1), sliceNodes(targets, 1, nodeCount(targets))];
  const tried = yield* attempt(() => within(first, 0, 50, oneAfterTheOther(first)));
  if (!tried.ok) {
    yield* within(others, 0, 0, deploy({ nodes: others }));
    yield* restore({ nodes: first, reason: tried.failure.message });
    return { status: 'RolledBack', failed: targets };
  }
  yield* oneAfterTheOther(others);
  yield* progress({ percent: 100 });
  return { status: 'Completed' };
}

function* oneAfterTheOther(nodes: NodeSet): Steps {
  yield* deploy({ nodes });
  yield* shiftTraffic({ percent: 100, to: nodes, among: nodes });
  yield* bake({ forMs: 60_000, nodes, failure: 'Health checks failed' });
}

function* allAtOnce(targets: NodeSet): Steps<Outcome> {
  yield* deploy({ nodes: targets });
  yield* shiftTraffic({ percent: 100, to: targets, among: targets });
  return { status: 'Completed' };
}

/** A rig for one strategy. */
export function strategyRig(strategy: Strategy<unknown>, failpoint?: (name: string) => void): StrategyRig {
  return {
    strategy,
    configs: [{}],
    refused: [{ config: { bakeMs: 0 }, pointer: '/bakeMs' }],
    fleet: { nodes: { 'us-east': 3 }, ...(failpoint ? { failpoint } : {}) },
    [Symbol.asyncDispose]: async () => {},
  };
}

const broken = (make: () => Strategy<unknown>) => (): StrategyRig => strategyRig(make());

/** The plain strategy on a server that writes no more from its fourth commit on, which no strategy could bring about. */
function writingNoMore(): StrategyRig {
  let commits = 0;
  return strategyRig(plainStrategy(), (name) => {
    if (name === 'engine.append.before' && ++commits > 3) throw new TypeError('the disk is full');
  });
}

/** For each clause of the strategy suite a rig that breaks it. */
export const strategyFaults: Readonly<Record<string, () => StrategyRig>> = {
  'has a PascalCase name and a whole version': broken(spoilt({ name: 'plain-strategy' })),
  'reads each configuration into JSON, the same each time': broken(
    spoilt({ configSchema: z.unknown().transform(() => ({ at: new Date(0) })) }),
  ),
  'refuses unknown keys and nonsense, and points at the mistake': broken(spoilt({ configSchema: z.looseObject({}) })),
  'ends as Completed with the release serving everything that it took over': broken(steps(neverEnding)),
  'yields the same next step from every beginning of its journals': broken(forgetful),
  'sends requests only to nodes that have loaded the release': broken(steps(routingFirst)),
  'never takes progress back': broken(steps(goingBack)),
  'survives a crash before and after every commit without skipping or repeating a step': broken(forgetful),
  'can be rolled back at every step': writingNoMore,
  'can be aborted at every step': writingNoMore,
  'can be paused and resumed at every step, and ends the same': broken(forgetful),
  'never completes over nodes that cannot load the release': broken(steps(swallowing)),
  'races of two engines end like one': broken(forgetful),
  'gives each step the share of requests that it says, on enough nodes to bear it': broken(steps(overloading)),
  'shares all requests out between the release and what was there before': broken(steps(smuggling)),
  'never serves from fewer nodes than before': broken(steps(shrinking)),
  'never takes the release from a node that serves it, unless it takes it back': broken(steps(wavering)),
  'replays from every beginning, and leaves nothing behind, whichever node is sick': broken(forgetful),
  'takes back the same when a trigger fires, whether somebody holds it or not': broken(steps(goingOnFirst)),
};
