import { describe, expect, it } from 'vitest';
import {
  isHotSwapError,
  verifyJournal,
  type ApprovalRule,
  type ChangeRules,
  type DeploymentCommand,
  type DeploymentCommandOptions,
  type DeploymentSpec,
  type RolloutEngine,
} from '@hotswap/core';
import { Simulation } from '@hotswap/testing';
import { testStrategies } from './test-strategies.ts';

const minute = 60_000;
const hour = 60 * minute;

const created = async (approvals: ApprovalRule, spec: Partial<DeploymentSpec> = {}): Promise<Simulation> => {
  const simulation = new Simulation({ strategies: testStrategies });
  await simulation.create({ strategy: 'Staged', spec: { requireApproval: true, approvals, ...spec } });
  return simulation;
};

const tellTo = (
  engine: RolloutEngine,
  actor: string,
  command: DeploymentCommand,
  options: DeploymentCommandOptions = {},
): Promise<string> =>
  engine.command('default', 'd', command, actor, options).then(
    ({ summary }) => summary.status,
    (thrown: unknown) => (isHotSwapError(thrown) ? thrown.code : String(thrown)),
  );
const tell = ({ engine }: Simulation, ...rest: [string, DeploymentCommand, DeploymentCommandOptions?]) =>
  tellTo(engine, ...rest);
const approvers = (simulation: Simulation): readonly string[] =>
  simulation.journal().flatMap((entry) => (entry.type === 'approved' ? [entry.by] : []));

describe('a deployment that needs several approvals', () => {
  it('waits for different approvers, whom the journal names one by one', async () => {
    const simulation = await created({ required: 3 });
    expect(await tell(simulation, 'bob', 'approve', { reason: 'fine' })).toBe('PendingApproval');
    expect(await tell(simulation, 'bob', 'approve')).toBe('PendingApproval');
    expect(await tell(simulation, 'carol', 'approve')).toBe('PendingApproval');
    expect((await simulation.state()).summary).toMatchObject({ approvals: [{ by: 'bob' }, { by: 'carol' }] });
    expect((await simulation.state()).summary).not.toHaveProperty('approval');
    expect(await tell(simulation, 'dora', 'approve')).toBe('Pending');
    expect((await simulation.state()).summary).toMatchObject({ status: 'Pending', approval: { by: 'dora' } });
    expect(await tell(simulation, 'emil', 'approve')).toBe('Pending');
    expect(approvers(simulation)).toEqual(['bob', 'carol', 'dora']);
    expect(await tell(simulation, 'alice', 'execute')).toBe('InProgress');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
    await verifyJournal('d', simulation.journal());
  });

  it('takes an execution as the last approval only', async () => {
    const simulation = await created({ required: 2 });
    expect(await tell(simulation, 'bob', 'execute')).toBe('HS_DEPLOYMENT_APPROVALS_MISSING');
    expect(simulation.journal()).toHaveLength(1);
    await tell(simulation, 'bob', 'approve');
    expect(await tell(simulation, 'bob', 'execute')).toBe('HS_DEPLOYMENT_APPROVALS_MISSING');
    expect(await tell(simulation, 'alice', 'execute')).toBe('HS_AUTH_SELF_APPROVAL');
    expect(await tell(simulation, 'carol', 'execute')).toBe('InProgress');
    expect(approvers(simulation)).toEqual(['bob', 'carol']);
  });

  it('counts its author where the rule says so, and others only where it names them', async () => {
    const simulation = await created({
      required: 2,
      allowAuthor: true,
      approvers: { users: ['alice'], roles: ['developer'] },
    });
    expect(await tell(simulation, 'bob', 'approve', { actorRole: 'admin' })).toBe('HS_AUTH_NOT_APPROVER');
    expect(await tell(simulation, 'alice', 'approve')).toBe('PendingApproval');
    expect(await tell(simulation, 'bob', 'execute', { actorRole: 'admin' })).toBe('HS_AUTH_NOT_APPROVER');
    expect(await tell(simulation, 'carol', 'approve', { actorRole: 'developer' })).toBe('Pending');
    expect(await tell(simulation, 'bob', 'execute', { actorRole: 'admin' })).toBe('InProgress');
  });

  it('lets each approval end by itself, after as long as the rule says', async () => {
    const simulation = await created({ required: 2, validFor: 'PT4H' });
    await tell(simulation, 'bob', 'approve');
    await simulation.time.advance(3 * hour);
    expect(await tell(simulation, 'carol', 'approve')).toBe('Pending');
    await simulation.time.advance(61 * minute);
    const { summary } = await simulation.state();
    expect(summary).toMatchObject({ status: 'PendingApproval', approvals: [{ by: 'carol' }] });
    expect(await tell(simulation, 'bob', 'approve')).toBe('Pending');
    expect(approvers(simulation)).toEqual(['bob', 'carol', 'bob']);
    expect(await tell(simulation, 'alice', 'execute')).toBe('InProgress');
  });

  it('does not take an approval that has ended before anybody noticed', async () => {
    const simulation = await created({ required: 2 });
    for (const who of ['bob', 'carol']) await tell(simulation, who, 'approve');
    const late = simulation.makeEngine({ clock: { now: () => simulation.time.now() + 61 * minute } });
    expect(await tellTo(late, 'dora', 'execute')).toBe('HS_DEPLOYMENT_APPROVALS_MISSING');
  });

  it('counts the same on every engine, and after all of them are gone', async () => {
    const simulation = await created({ required: 2 });
    const other = simulation.makeEngine({ engineId: 'other' });
    await tellTo(other, 'bob', 'approve');
    simulation.restart();
    expect(await tell(simulation, 'bob', 'approve')).toBe('PendingApproval');
    const both = await Promise.all([
      tellTo(other, 'carol', 'approve'),
      tellTo(simulation.engine, 'carol', 'approve'),
      tellTo(other, 'dora', 'approve'),
    ]);
    expect(both.at(-1)).toBe('Pending');
    expect(approvers(simulation).filter((by) => by === 'carol').length).toBeLessThanOrEqual(1);
    expect(await tellTo(other, 'alice', 'execute')).toBe('InProgress');
  });
});

describe('an execution under change rules', () => {
  const start = new Simulation({ strategies: testStrategies }).time.now();
  const freeze = {
    from: new Date(start).toISOString(),
    until: new Date(start + 5 * hour).toISOString(),
    reason: 'stocktaking',
  };
  const rules: ChangeRules = { environment: 'Production', windows: null, freezes: [freeze] };

  const frozen = async (
    spec: Partial<DeploymentSpec> = {},
    of: ChangeRules | null = rules,
  ): Promise<{ simulation: Simulation; engine: RolloutEngine }> => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.create({ strategy: 'Staged', spec });
    return { simulation, engine: simulation.makeEngine({ changeRules: () => Promise.resolve(of) }) };
  };

  it('is refused in a freeze without a trace, and goes once it is over', async () => {
    const { simulation, engine } = await frozen();
    expect(await tellTo(engine, 'bob', 'execute')).toBe('HS_DEPLOYMENT_FROZEN');
    expect(simulation.journal()).toHaveLength(1);
    await simulation.time.advance(5 * hour);
    expect(await tellTo(engine, 'bob', 'execute')).toBe('InProgress');
    expect(simulation.journal().find(({ type }) => type === 'command')).not.toHaveProperty('override');
  });

  it('is refused outside of the windows by the engine’s clock, also where summer time begins before they open', async () => {
    const windows = [{ timeZone: 'Europe/Berlin', from: '09:00', to: '10:00' }];
    const { simulation } = await frozen();
    const at = (text: string): RolloutEngine =>
      simulation.makeEngine({
        clock: { now: () => Date.parse(text) },
        changeRules: () => Promise.resolve({ ...rules, freezes: [], windows }),
      });
    const early = at('2026-03-28T09:00:00Z').command('default', 'd', 'execute', 'bob');
    await expect(early).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_OUTSIDE_WINDOW',
      details: { allowedAt: '2026-03-29T07:00:00.000Z' },
    });
    expect(await tellTo(at('2026-03-29T07:00:00Z'), 'bob', 'execute')).toBe('InProgress');
  });

  it('goes through with an override, which the journal keeps with what it set aside', async () => {
    const { simulation, engine } = await frozen();
    expect(await tellTo(engine, 'bob', 'execute', { overrideReason: 'the shop is down' })).toBe('InProgress');
    expect(simulation.journal()[1]).toMatchObject({
      type: 'command',
      actor: 'bob',
      override: { code: 'HS_DEPLOYMENT_FROZEN', reason: 'the shop is down' },
    });
    await verifyJournal('d', simulation.journal());
  });

  it('is not held up on the way back, in a train that was admitted, or once it has begun', async () => {
    const back = await frozen({ undoes: 'deploy-before' });
    expect(await tellTo(back.engine, 'bob', 'execute')).toBe('InProgress');
    const { engine } = await frozen();
    expect(await tellTo(engine, 'bob', 'execute', { isAdmitted: true })).toBe('InProgress');
    expect(await tellTo(engine, 'bob', 'execute')).toBe('InProgress');
    expect(await tellTo(engine, 'bob', 'pause')).toBe('Paused');
    expect(await tellTo(engine, 'bob', 'resume')).toBe('InProgress');
    expect(await tellTo(engine, 'bob', 'rollback')).toBe('RolledBack');
    const pending = await frozen();
    expect(await tellTo(pending.engine, 'bob', 'abort')).toBe('Cancelled');
  });

  it('asks nobody for an override that was not needed', async () => {
    const { simulation, engine } = await frozen({}, null);
    expect(await tellTo(engine, 'bob', 'execute', { overrideReason: 'just in case' })).toBe('InProgress');
    expect(simulation.journal()[1]).not.toHaveProperty('override');
  });

  it('is refused again when nothing had begun for want of nodes, whatever it is called then', async () => {
    const { simulation, engine } = await frozen();
    for (const nodeId of simulation.database.nodes.keys()) simulation.fleet.disconnect(nodeId);
    expect(await tell(simulation, 'bob', 'execute')).toBe('Paused');
    for (const nodeId of simulation.database.nodes.keys()) simulation.fleet.connect(nodeId);
    for (const command of ['resume', 'retry', 'execute'] as const)
      expect(await tellTo(engine, 'bob', command)).toBe('HS_DEPLOYMENT_FROZEN');
    expect(await tellTo(engine, 'bob', 'execute', { overrideReason: 'the shop is down' })).toBe('InProgress');
  });

  it('goes on when the nodes of a train’s member are back: the train was admitted, and has begun', async () => {
    const { simulation, engine } = await frozen({ trainId: 'train-1' });
    for (const nodeId of simulation.database.nodes.keys()) simulation.fleet.disconnect(nodeId);
    expect(await tellTo(engine, 'bob', 'execute')).toBe('HS_DEPLOYMENT_FROZEN');
    expect(await tellTo(engine, 'bob', 'execute', { isAdmitted: true })).toBe('Paused');
    for (const nodeId of simulation.database.nodes.keys()) simulation.fleet.connect(nodeId);
    expect(await tellTo(engine, 'bob', 'resume')).toBe('InProgress');
  });
});
