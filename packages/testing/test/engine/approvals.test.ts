import { describe, expect, it } from 'vitest';
import { canonicalJson, isHotSwapError, sha256Hex } from '@hotswap/core';
import type { DeploymentCommand, DeploymentCommandOptions } from '@hotswap/core';
import { Simulation } from '@hotswap/testing';
import { testStrategies } from './test-strategies.ts';

const minute = 60_000;

async function created(): Promise<Simulation> {
  const simulation = new Simulation({ strategies: testStrategies });
  await simulation.create({ strategy: 'Staged', spec: { requireApproval: true } });
  return simulation;
}

const tell = (
  { engine }: Simulation,
  actor: string,
  command: DeploymentCommand,
  options: DeploymentCommandOptions = {},
): Promise<string> =>
  engine.command('default', 'd', command, actor, options).then(
    ({ summary }) => summary.status,
    (thrown: unknown) => (isHotSwapError(thrown) ? thrown.code : String(thrown)),
  );

const types = (simulation: Simulation): readonly string[] => simulation.journal().map(({ type }) => type);

describe('a deployment that needs an approval', () => {
  it('waits for somebody else than its author, who can neither approve nor execute it', async () => {
    const simulation = await created();
    expect((await simulation.state()).summary.status).toBe('PendingApproval');
    expect(await tell(simulation, 'alice', 'approve')).toBe('HS_AUTH_SELF_APPROVAL');
    expect(await tell(simulation, 'alice', 'execute')).toBe('HS_AUTH_SELF_APPROVAL');
    expect(types(simulation)).toEqual(['created']);
  });

  it('can be executed by its author once it is approved, and the journal says by whom and of what', async () => {
    const simulation = await created();
    expect(await tell(simulation, 'bob', 'approve', { reason: 'looks good' })).toBe('Pending');
    expect(await tell(simulation, 'carol', 'approve')).toBe('Pending');
    const { specHash } = await simulation.state();
    expect(simulation.journal().at(-1)).toMatchObject({
      type: 'approved',
      by: 'bob',
      specHash,
      releaseId: 'v2',
      reason: 'looks good',
    });
    expect(await tell(simulation, 'alice', 'execute')).toBe('InProgress');
    await simulation.finish();
    expect((await simulation.state()).summary).toMatchObject({ status: 'Completed', approval: { by: 'bob' } });
  });

  it('takes the execution by another person as that approval', async () => {
    const simulation = await created();
    expect(await tell(simulation, 'bob', 'execute')).toBe('InProgress');
    expect(types(simulation).slice(0, 4)).toEqual(['created', 'command', 'approved', 'executed']);
  });

  it('takes an approval once, for an hour, and for nothing but what was looked at', async () => {
    const simulation = await created();
    expect(await tell(simulation, 'bob', 'approve', { releaseId: 'v3' })).toBe('HS_DEPLOYMENT_APPROVAL_VOID');
    expect(await tell(simulation, 'bob', 'approve', { specHash: '0'.repeat(64) })).toBe('HS_DEPLOYMENT_APPROVAL_VOID');
    const { specHash } = await simulation.state();
    expect(await tell(simulation, 'bob', 'approve', { releaseId: 'v2', specHash })).toBe('Pending');
    await simulation.time.advance(61 * minute);
    expect((await simulation.state()).summary.status).toBe('PendingApproval');
    expect(types(simulation)).toEqual(['created', 'command', 'approved', 'lapsed']);
    expect(await tell(simulation, 'alice', 'execute')).toBe('HS_AUTH_SELF_APPROVAL');
    expect(await tell(simulation, 'bob', 'approve')).toBe('Pending');
    expect(await tell(simulation, 'alice', 'execute')).toBe('InProgress');
    expect(await tell(simulation, 'bob', 'approve')).toBe('HS_DEPLOYMENT_COMMAND_REFUSED');
    await simulation.finish();
    expect(await tell(simulation, 'bob', 'approve')).toBe('HS_DEPLOYMENT_COMMAND_REFUSED');
  });

  it('refuses an approval that has ended before anybody noticed', async () => {
    const simulation = await created();
    await tell(simulation, 'bob', 'approve');
    const late = simulation.makeEngine({ clock: { now: () => simulation.time.now() + 61 * minute } });
    await expect(late.command('default', 'd', 'execute', 'alice')).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_APPROVAL_EXPIRED',
    });
  });

  it('takes another approval in place of one that has ended before anybody noticed', async () => {
    const simulation = await created();
    await tell(simulation, 'bob', 'approve');
    const late = simulation.makeEngine({ clock: { now: () => simulation.time.now() + 61 * minute } });
    await late.command('default', 'd', 'approve', 'carol');
    expect(simulation.journal().at(-1)).toMatchObject({ type: 'approved', by: 'carol' });
    expect((await late.command('default', 'd', 'execute', 'alice')).summary).toMatchObject({ status: 'InProgress' });
  });

  it('is void for whoever would add the last one, when what was approved was another specification', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.create({ strategy: 'Staged', spec: { requireApproval: true, approvals: { required: 2 } } });
    await tell(simulation, 'bob', 'approve');
    const [created = '', ...rest] = simulation.database.journals.get('default/d') ?? [];
    const entry = JSON.parse(created) as { spec: { releaseId: string }; specHash: string };
    entry.spec.releaseId = 'v9';
    entry.specHash = await sha256Hex(canonicalJson(entry.spec));
    simulation.database.journals.set('default/d', [JSON.stringify(entry), ...rest]);
    simulation.restart();
    expect(await tell(simulation, 'carol', 'execute')).toBe('HS_DEPLOYMENT_APPROVAL_VOID');
  });

  it('is void when the specification in the store is another one than was approved', async () => {
    const simulation = await created();
    await tell(simulation, 'bob', 'approve');
    const journal = simulation.database.journals.get('default/d') ?? [];
    simulation.database.journals.set('default/d', [
      (journal[0] ?? '').replace('"releaseId":"v2"', '"releaseId":"v9"'),
      ...journal.slice(1),
    ]);
    simulation.restart();
    expect(await tell(simulation, 'alice', 'execute')).toBe('HS_DEPLOYMENT_APPROVAL_VOID');
  });

  it('ends as Cancelled when it is rejected, approved or not', async () => {
    for (const before of [[], ['approve']] as const) {
      const simulation = await created();
      for (const command of before) await tell(simulation, 'bob', command);
      expect(await tell(simulation, 'carol', 'reject', { reason: 'not on a Friday' })).toBe('Cancelled');
      expect((await simulation.state()).summary.reason).toBe('Rejected by carol: not on a Friday');
      expect(await tell(simulation, 'bob', 'execute')).toBe('HS_DEPLOYMENT_COMMAND_REFUSED');
    }
  });

  it('is cancelled after a day in which nobody decided', async () => {
    const simulation = await created();
    await simulation.time.advance(25 * 60 * minute);
    expect((await simulation.state()).summary.status).toBe('Cancelled');
  });

  it('has nothing to approve where none is needed', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.create({ strategy: 'Staged' });
    expect(await tell(simulation, 'bob', 'approve')).toBe('HS_DEPLOYMENT_COMMAND_REFUSED');
    expect(await tell(simulation, 'alice', 'execute')).toBe('InProgress');
  });
});
