import { z } from 'zod';
import type { Advance } from '../contracts/rollout-engine.ts';
import type { Outcome } from '../contracts/strategy.ts';
import type { Effect, EffectResult, EffectValue, StageFailure } from '../effects/effect.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import type { RollbackTrigger } from '../model/auto-rollback.ts';
import type { Instant } from '../model/deployment.ts';
import type { Json } from '../model/json.ts';
import { durationMs } from '../model/duration.ts';
import { nodeCount, nodeSetSchema, subtractNodes, unionNodes } from '../model/node-set.ts';
import { pendingUntil } from './approvals.ts';
import type { Draft } from './draft.ts';
import type { EffectCheck } from './effect-handler.ts';
import { handlerOf } from './effect-handlers.ts';
import { effectSetVersion, knowsEffect } from './effect-schema.ts';
import { effectScope } from './effect-scope.ts';
import { goesOnHeld, isAtWork } from './goes-on-held.ts';
import type { EngineParts } from './engine-parts.ts';
import type { HoldReason } from './journal-entry.ts';
import { StrategyRun, type StrategyPosition } from './replay.ts';
import { allTargets, hasChanged, type PartialRollback } from './rollout-state.ts';
import { stuckAt } from './stuck-deadline.ts';
import { dataDueAt, readTriggers, readingFacts, silentGates, triggerWindow, type TriggerReading } from './triggers.ts';
import { turnBack } from './turn-back.ts';

/** `again`: the draft has to be committed, for the next look needs what it changes. @internal */
export type Decision = Advance | { readonly kind: 'again' };

/** Entries of one commit from which on a strategy counts as looping: far above what any rollout does without waiting. */
const mostEntriesPerCommit = 1_000;

/**
 * Decides until the deployment is blocked, writing into the draft.
 * @throws HS_DEPLOYMENT_NOT_FOUND
 * @internal
 */
export async function advanceRollout(draft: Draft, parts: EngineParts): Promise<Decision> {
  for (;;) {
    const decision = await decideOnce(draft, parts);
    if (decision) return decision;
  }
}

/** One decision; `null` when the next one can follow in the same commit. */
async function decideOnce(draft: Draft, parts: EngineParts): Promise<Decision | null> {
  switch (draft.state.phase) {
    case 'absent':
      throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId: draft.live.deploymentId });
    case 'pending':
      return expire(draft, parts);
    case 'rollout':
      return rollOut(draft, parts);
    case 'rollback':
      return rollBack(draft, parts);
    case 'retention':
      return retain(draft);
    case 'closed':
      return { kind: 'idle', status: draft.state.status };
  }
}

function expire(draft: Draft, parts: EngineParts): Decision | null {
  const { approvals, held, status } = draft.state;
  const wakeAt = pendingUntil(draft.state, parts);
  if (wakeAt !== undefined && draft.now < wakeAt)
    return draft.entries.length > 0 ? { kind: 'blocked', status, wakeAt } : { kind: 'idle', status };
  const lapsed = held ? undefined : approvals.find(({ expiresAt }) => draft.now >= expiresAt);
  if (lapsed) {
    draft.put({ type: 'lapsed', by: lapsed.by });
    return null;
  }
  const reason = held ? 'All its nodes were offline, and nobody resumed it in time' : 'Nobody executed it in time';
  draft.put({ type: 'closed', status: 'Cancelled', reason });
  return null;
}

async function rollOut(draft: Draft, parts: EngineParts): Promise<Decision | null> {
  const { state } = draft;
  if (state.held) return whileHeld(draft, parts);
  const { running } = state;
  const reading = running ? await readTriggers(state, parts) : null;
  const unknown = unknownTo(state);
  if (unknown !== null) return decline(draft, unknown);
  if (!running) return nextStep(draft, parts);
  const stuck = stuckAt(state);
  if (stuck !== undefined && draft.now >= stuck)
    return hold(
      draft,
      'stuck',
      `No progress for ${state.spec?.progressDeadline} beyond what step ${running.step} (${running.effect.kind}) may take`,
    );
  return runStep(draft, parts, reading);
}

/** What this process would have to know to go on, and does not; `null` when it knows all. */
function unknownTo({ frozen, running }: Draft['state']): string | null {
  if ((frozen?.effectSetVersion ?? 0) > effectSetVersion) return `effect set ${frozen?.effectSetVersion}`;
  if (running && !knowsEffect(running.effect)) return `effect ${running.effect.kind}@${running.effect.version}`;
  return null;
}

/**
 * A hold changes what goes forward, never what a trigger takes back: the failure is the strategy's to answer, as it would
 * be without the hold. Where the strategy cannot be asked, all goes back.
 */
async function whileHeld(draft: Draft, parts: EngineParts): Promise<Decision | null> {
  const { state } = draft;
  const cannotAsk = isBroken(state) || unknownTo(state) !== null;
  if (!state.running && !cannotAsk) return nextWhileHeld(draft, parts);
  const reading = await readTriggers(state, parts);
  if (cannotAsk) return reading?.failure ? goBack(draft, parts, reading.failure) : stayHeld(draft, parts, reading);
  if (isAtWork(state)) return runStep(draft, parts, reading);
  const effect = state.running?.effect as Effect;
  const watched = await handlerOf(effect.kind).watch?.(effect, effectScope(draft, parts));
  const failure = reading?.failure ?? watched;
  if (!failure) return stayHeld(draft, parts, reading ?? watched);
  endStep(draft, effect, { ended: { ok: false, failure }, ...(reading ? { facts: readingFacts(reading) } : {}) });
  return null;
}

/** The engine holds it because its strategy does not say what comes next. */
const isBroken = ({ held }: Draft['state']): boolean => held?.why === 'diverged' || held?.why === 'strategyThrew';

/** `looked`: what the triggers or the health of nodes were found to be; absent when there is nothing to look at. */
function stayHeld(draft: Draft, parts: EngineParts, looked: unknown): Decision {
  const isWatched = looked !== null && looked !== undefined;
  return blocked(draft, [isWatched ? draft.now + parts.triggerIntervalMs : undefined]);
}

/** Between two steps of a held rollout: what takes back begins, and what goes forward waits for the resume. */
async function nextWhileHeld(draft: Draft, parts: EngineParts): Promise<Decision | null> {
  const position = positionOf(draft, parts);
  switch (position.kind) {
    case 'effect':
      return effectWhileHeld(draft, parts, position.effect);
    case 'returned':
      return position.outcome.status === 'RolledBack' ? finish(draft, parts, position.outcome) : blocked(draft, []);
    case 'failed':
      return goBack(draft, parts, position.failure);
    case 'missing': {
      const reading = await readTriggers(draft.state, parts);
      const asked = draft.live.steps.at(-1)?.result;
      const failure = reading?.failure ?? (asked?.ok === false ? asked.failure : undefined);
      return failure ? leaveUntilStuck(draft, parts, position.needs, failure) : stayHeld(draft, parts, reading);
    }
    case 'threw':
    case 'diverged':
      return holdBroken(draft, position);
  }
}

/** A step forward is not carried out. Should a trigger fire in what it is about, it fails by that, as it would have. */
async function effectWhileHeld(draft: Draft, parts: EngineParts, effect: Effect): Promise<Decision | null> {
  const { state } = draft;
  const isKnown = knowsEffect(effect);
  if (isKnown && state.held?.why !== 'offline' && goesOnHeld(state, effect)) return begin(draft, parts, effect);
  const reading = await readTriggers(state, parts, effect);
  if (!reading?.failure) return stayHeld(draft, parts, reading);
  if (!isKnown) return leaveUntilStuck(draft, parts, `effect ${effect.kind}@${effect.version}`, reading.failure);
  if (isLooping(draft)) return holdLooping(draft);
  draft.put({ type: 'began', step: state.nextStep, effect });
  draft.put({
    type: 'ended',
    step: state.nextStep,
    result: { ok: false, failure: reading.failure },
    facts: readingFacts(reading),
  });
  return null;
}

/** Leaves it to a process that can ask the strategy; when none has come in time, all goes back. */
async function leaveUntilStuck(
  draft: Draft,
  parts: EngineParts,
  needs: string,
  failure: StageFailure,
): Promise<Decision> {
  const wakeAt = draft.state.at + durationMs(draft.state.spec?.progressDeadline ?? 'PT0S');
  return draft.now >= wakeAt ? goBack(draft, parts, failure) : { kind: 'declined', needs, wakeAt };
}

async function runStep(draft: Draft, parts: EngineParts, reading: TriggerReading | null): Promise<Decision | null> {
  const effect = draft.state.running?.effect as Effect;
  if (reading?.failure) {
    endStep(draft, effect, { ended: { ok: false, failure: reading.failure }, facts: readingFacts(reading) });
    return null;
  }
  const check = await handlerOf(effect.kind).check(effect, effectScope(draft, parts));
  if (check.ended) {
    if (!check.ended.ok && check.ended.failure.cause === 'deadline' && (await isEverybodyOffline(draft, parts)))
      return hold(draft, 'offline', 'All target nodes are offline: resume when they are back');
    const silent = needsGates(effect, check.ended) && !draft.state.running?.excused ? silentGates(reading) : [];
    if (silent.length > 0) return awaitData(draft, parts, silent);
    endStep(draft, effect, effect.kind === 'wait' && reading ? { ...check, facts: readingFacts(reading) } : check);
    return null;
  }
  if (move(draft, check)) return { kind: 'again' };
  const wakes = [
    check.wakeAt,
    draft.state.held ? undefined : stuckAt(draft.state),
    triggerWindow(draft.state) ? draft.now + parts.triggerIntervalMs : undefined,
  ];
  return blocked(draft, wakes);
}

/** A watched period that is over, and a verdict that gives everything to the new version: nothing follows from silence (F98). */
function needsGates(effect: Effect, ended: EffectResult<Json>): boolean {
  if (!ended.ok) return false;
  return effect.kind === 'wait' || (effect.kind === 'judge' && (ended.value as EffectValue<'judge'>).verdict === 'B');
}

/** Gives gates the time that their sources need; whoever is silent then has nothing to say. */
function awaitData(draft: Draft, parts: EngineParts, silent: readonly RollbackTrigger[]): Decision {
  const dueAt = Math.min(dataDueAt(draft.state, silent, parts), (stuckAt(draft.state) ?? Infinity) - 1);
  if (draft.now < dueAt) return blocked(draft, [dueAt, draft.now + parts.triggerIntervalMs]);
  return hold(
    draft,
    'noData',
    `No data for ${silent.map(({ metric }) => metric).join(', ')}: that is neither good nor bad. Resume to go on without it, or roll back`,
  );
}

/** A fleet that nobody hears of says nothing about a release (D-6): there is nothing to judge and nothing to restore. */
async function isEverybodyOffline({ state }: Draft, { fleet }: EngineParts): Promise<boolean> {
  const { spec, frozen } = state;
  if (!spec || !frozen) return false;
  const targets = new Set(frozen.targets);
  const nodes = await fleet.candidates(spec.tenant, spec.moduleName, spec.regions);
  return !nodes.some((node) => node.reachable && targets.has(node.nodeId));
}

function blocked(draft: Draft, wakes: readonly (Instant | undefined)[]): Decision {
  const due = wakes.filter((wake) => wake !== undefined);
  return { kind: 'blocked', status: draft.state.status, ...(due.length === 0 ? {} : { wakeAt: Math.min(...due) }) };
}

/** Writes the progress that a check found; `false` when there is none. */
function move(draft: Draft, check: Extract<EffectCheck, { ended?: undefined }>): boolean {
  if (check.cursor === undefined) return false;
  draft.put({ type: 'moved', step: draft.state.running?.step ?? 0, cursor: check.cursor });
  draft.changes.push(...(check.changes ?? []));
  return true;
}

function endStep(
  draft: Draft,
  effect: Effect,
  end: {
    readonly ended: EffectResult<Json>;
    readonly facts?: Json;
    readonly changes?: Extract<EffectCheck, { ended: EffectResult<Json> }>['changes'];
  },
): void {
  draft.put({
    type: 'ended',
    step: draft.state.running?.step ?? 0,
    result: end.ended,
    ...(end.facts === undefined ? {} : { facts: end.facts }),
  });
  draft.changes.push(...(end.changes ?? []), ...(handlerOf(effect.kind).end?.(effect) ?? []));
}

function positionOf({ live, state }: Draft, parts: EngineParts): StrategyPosition {
  if (!state.spec || !state.frozen)
    throw hotSwapError('HS_JOURNAL_CORRUPT', {
      deploymentId: live.deploymentId,
      seq: state.seq,
      why: 'it rolls out without having been executed',
    });
  live.run ??= new StrategyRun(parts.shelf, state.spec, state.frozen);
  return live.run.catchUp(live.steps);
}

async function nextStep(draft: Draft, parts: EngineParts): Promise<Decision | null> {
  const position = positionOf(draft, parts);
  switch (position.kind) {
    case 'effect':
      if (!knowsEffect(position.effect))
        return decline(draft, `effect ${position.effect.kind}@${position.effect.version}`);
      return begin(draft, parts, position.effect);
    case 'returned':
      return finish(draft, parts, position.outcome);
    case 'failed':
      return goBack(draft, parts, position.failure);
    case 'missing':
      return decline(draft, position.needs);
    case 'threw':
    case 'diverged':
      return holdBroken(draft, position);
  }
}

function holdBroken(
  draft: Draft,
  { kind, detail }: Extract<StrategyPosition, { kind: 'threw' | 'diverged' }>,
): Decision {
  return kind === 'diverged'
    ? hold(draft, 'diverged', detail)
    : hold(draft, 'strategyThrew', `${draft.state.spec?.strategy} failed by a mistake of its own: ${detail}`);
}

const isLooping = ({ entries }: Draft): boolean => entries.length >= mostEntriesPerCommit;

const holdLooping = (draft: Draft): Decision =>
  hold(draft, 'strategyThrew', `${draft.state.spec?.strategy} yields effect after effect without ever waiting`);

async function begin(draft: Draft, parts: EngineParts, effect: Effect): Promise<Decision | null> {
  if (isLooping(draft)) return holdLooping(draft);
  const handler = handlerOf(effect.kind);
  draft.put({ type: 'began', step: draft.state.nextStep, effect });
  const changes = handler.begin(effect, effectScope(draft, parts));
  draft.changes.push(...changes);
  if (!handler.instant) return changes.length > 0 ? { kind: 'again' } : null;
  const check = await handler.check(effect, effectScope(draft, parts));
  if (!check.ended) return null;
  const silent = effect.kind === 'judge' && needsGates(effect, check.ended) ? await gatesAt(draft, parts) : [];
  if (silent.length > 0) return awaitData(draft, parts, silent);
  endStep(draft, effect, check);
  return null;
}

const gatesAt = async ({ state }: Draft, parts: EngineParts): Promise<readonly RollbackTrigger[]> =>
  silentGates(await readTriggers(state, parts));

/** The failure path: the baseline comes back. Where nothing was changed there is nothing to bring back. */
async function goBack(draft: Draft, parts: EngineParts, failure: StageFailure): Promise<Decision> {
  const facts: Json = {
    cause: failure.cause,
    ...(failure.nodes ? { nodes: failure.nodes } : {}),
    ...(failure.facts === undefined ? {} : { facts: failure.facts }),
  };
  if (hasChanged(draft.state)) {
    await turnBack(draft, parts, { reason: failure.message, then: 'RolledBack', facts });
    return { kind: 'again' };
  }
  draft.put({ type: 'closed', status: 'Failed', reason: failure.message, facts });
  draft.changes.push({
    kind: 'notify',
    severity: 'critical',
    text: `${draft.state.spec?.moduleName}: ${failure.message}`,
    facts,
  });
  return { kind: 'idle', status: draft.state.status };
}

const outcomeSchema = z.strictObject({
  status: z.enum(['Completed', 'PartiallyCompleted', 'RolledBack']),
  message: z.string().exactOptional(),
  verdict: z.enum(['A', 'B', 'Inconclusive']).exactOptional(),
  failed: nodeSetSchema.exactOptional(),
  retain: z
    .array(z.strictObject({ forMs: z.number().min(0).exactOptional(), retire: nodeSetSchema }))
    .readonly()
    .exactOptional(),
});

async function finish(draft: Draft, parts: EngineParts, returned: Outcome): Promise<Decision | null> {
  const read = outcomeSchema.safeParse(returned);
  const { state } = draft;
  if (!read.success)
    return hold(
      draft,
      'strategyThrew',
      `${state.spec?.strategy} returned no valid outcome: ${z.prettifyError(read.error)}`,
    );
  const outcome = read.data as Outcome;
  if (outcome.status === 'RolledBack') {
    const reason = outcome.message ?? state.reason ?? 'The strategy took everything back';
    if (state.deployed.length > 0) {
      await turnBack(draft, parts, { reason, then: 'RolledBack' });
      return { kind: 'again' };
    }
    draft.put({ type: 'closed', status: hasChanged(state) ? 'RolledBack' : 'Failed', reason });
    draft.changes.push({ kind: 'notify', severity: 'critical', text: `${state.spec?.moduleName}: ${reason}` });
    return null;
  }
  const claimed = subtractNodes(state.deployed, outcome.failed ?? []);
  const progress = await parts.fleet.loadProgress(draft.live.deploymentId, claimed, state.spec?.releaseId ?? '');
  if (nodeCount(claimed) > 0 && progress.failed > 0) {
    return hold(
      draft,
      'strategyThrew',
      `${state.spec?.strategy} returned ${outcome.status}, but ${progress.failed} of its nodes could not load the release`,
    );
  }
  draft.put({ type: 'turned', to: 'retention', reason: outcome.message ?? outcome.status, outcome });
  draft.live.run = null;
  return null;
}

async function rollBack(draft: Draft, parts: EngineParts): Promise<Decision | null> {
  const effect = draft.state.running?.effect;
  if (effect?.kind !== 'restore') {
    throw hotSwapError('HS_JOURNAL_CORRUPT', {
      deploymentId: draft.live.deploymentId,
      seq: draft.state.seq,
      why: 'it rolls back without a restore',
    });
  }
  const check = await handlerOf('restore').check(effect, effectScope(draft, parts));
  if (!check.ended) return move(draft, check) ? { kind: 'again' } : blocked(draft, [check.wakeAt]);
  endStep(draft, effect, check);
  const facts = check.ended.ok
    ? { ...(check.ended.value as object), ...(check.facts as object | undefined) }
    : check.ended.failure.facts;
  const reason = check.ended.ok ? draft.state.reason : `${draft.state.reason}; then ${check.ended.failure.message}`;
  const { partial } = draft.state;
  if (partial && hasRest(draft, partial)) keepTheRest(draft, partial, reason ?? 'Rolled back in part');
  else
    draft.put({
      type: 'closed',
      status: check.ended.ok ? draft.state.rollbackEnd : 'Failed',
      ...(reason === null ? {} : { reason }),
      ...(facts === undefined ? {} : { facts }),
    });
  if (!check.ended.ok)
    draft.changes.push({
      kind: 'notify',
      severity: 'critical',
      text: `${draft.state.spec?.moduleName}: the rollback failed: ${reason}`,
    });
  return null;
}

/** Whether any node has the release still: with the last of them the rollout is back as a whole. */
const hasRest = ({ state }: Draft, { nodes, failed }: PartialRollback): boolean =>
  nodeCount(subtractNodes(allTargets(state), unionNodes(failed, nodes))) > 0;

/** Some nodes are back; what the others replaced stays warm for as long as it was to. */
function keepTheRest(draft: Draft, { nodes, failed, retainedUntil }: PartialRollback, reason: string): void {
  const retire = subtractNodes(allTargets(draft.state), nodes);
  draft.put({
    type: 'turned',
    to: 'retention',
    reason,
    outcome: {
      status: 'PartiallyCompleted',
      message: reason,
      failed: unionNodes(failed, nodes),
      retain: [{ forMs: Math.max(0, retainedUntil - draft.now), retire }],
    },
  });
}

/** Runs by itself once the rollout is completed: the replaced release stays warm, then goes. */
function retain(draft: Draft): Decision | null {
  const { running, retentions, nextStep: step } = draft.state;
  if (running?.effect.kind === 'retain') {
    const until = running.since + running.effect.input.forMs;
    if (draft.now < until) return blocked(draft, [until]);
    draft.put({ type: 'ended', step: running.step, result: { ok: true, value: null } });
    draft.changes.push({ kind: 'retireReplaced', nodes: running.effect.input.retire });
    return null;
  }
  const next = retentions[0];
  if (next)
    draft.put({
      type: 'began',
      step,
      effect: { kind: 'retain', version: 1, input: { forMs: next.forMs, retire: next.retire } },
    });
  else draft.put({ type: 'closed', status: draft.state.status as 'Completed' | 'PartiallyCompleted' });
  return null;
}

function hold(draft: Draft, why: HoldReason, detail: string): Decision {
  draft.put({ type: 'held', why, detail });
  draft.live.run = null;
  draft.changes.push({
    kind: 'notify',
    severity: 'critical',
    text: `${draft.state.spec?.moduleName}: paused: ${detail}`,
  });
  return { kind: 'again' };
}

/** Leaves a step to a process that knows it, until the deadline at which any process pauses the deployment. */
function decline(draft: Draft, needs: string): Decision {
  const deadline = stuckAt(draft.state);
  if (deadline !== undefined && draft.now >= deadline)
    return hold(draft, 'stuck', `It waits for a server with ${needs}, and none has come`);
  return { kind: 'declined', needs, ...(deadline === undefined ? {} : { wakeAt: deadline }) };
}
