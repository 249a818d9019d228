import { describe, expect, it } from 'vitest';
import {
  commandSituations,
  commandTable,
  deploymentCommands,
  isHotSwapError,
  type CommandSituation,
  type DeploymentCommand,
} from '@hotswap/core';
import { journalOutline, Simulation } from '@hotswap/testing';
import { batched, staged, strategyOf, testStrategies } from './test-strategies.ts';
import { deploy } from '@hotswap/core';

const minute = 60_000;

async function running(
  config: object = {},
  options: Partial<ConstructorParameters<typeof Simulation>[0]> = {},
): Promise<Simulation> {
  const simulation = new Simulation({ strategies: testStrategies, ...options });
  await simulation.deploy({ strategy: 'Staged', config });
  return simulation;
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (thrown: unknown) => (isHotSwapError(thrown) ? thrown.code : String(thrown)),
  );

describe('execute', () => {
  it('runs once however often it is asked for', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.create({ strategy: 'Staged' });
    const answers = await Promise.all(Array.from({ length: 100 }, () => simulation.command('execute')));
    expect(new Set(answers.map(({ summary }) => summary.status))).toEqual(new Set(['InProgress']));
    expect(simulation.journal().filter(({ type }) => type === 'executed')).toHaveLength(1);
    await simulation.finish();
    expect((await simulation.command('execute')).summary.status).toBe('Completed');
  });

  it('runs once when many servers are asked at the same time', async () => {
    const simulation = new Simulation({ strategies: testStrategies, engines: 5 });
    await simulation.create({ strategy: 'Staged' });
    await Promise.all(simulation.engines.map((engine) => engine.command('default', 'd', 'execute', 'bob')));
    expect(simulation.journal().filter(({ type }) => type === 'executed')).toHaveLength(1);
  });

  it('is refused for an unknown deployment and an unknown strategy', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    expect(await codeOf(simulation.command('execute'))).toBe('HS_DEPLOYMENT_NOT_FOUND');
    expect(await codeOf(simulation.create({ strategy: 'Nope' }))).toBe('HS_STRATEGY_UNKNOWN');
    expect(await codeOf(simulation.engine.advance('default', 'd'))).toBe('HS_DEPLOYMENT_NOT_FOUND');
  });

  it('is too late for a deployment that nobody executed within a day', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.create({ strategy: 'Staged' });
    await simulation.time.advance(25 * 60 * minute);
    const { summary } = await simulation.state();
    expect([summary.status, summary.reason]).toEqual(['Cancelled', 'Nobody executed it in time']);
    expect(await codeOf(simulation.command('execute'))).toBe('HS_DEPLOYMENT_COMMAND_REFUSED');
  });
});

describe('pause and resume by a person', () => {
  it('stop the clock of a bake and go on with what was left of it', async () => {
    const simulation = await running();
    await simulation.time.advance(3 * minute);
    const step = (await simulation.state()).summary.running?.step;
    await simulation.command('pause', { reason: 'lunch' });
    await simulation.time.advance(60 * minute);
    expect((await simulation.state()).summary).toMatchObject({ status: 'Paused', reason: 'lunch' });
    await simulation.command('resume');
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary.running?.step).toBe(step);
    await simulation.time.advance(2 * minute);
    expect((await simulation.state()).summary.running?.step).toBeGreaterThan(step ?? 0);
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('issue no new nodes while it is paused', async () => {
    const simulation = await running({ stages: [100] }, { nodes: { a: 3_000 }, script: { latencyMs: () => 10_000 } });
    await simulation.time.advance(1_000);
    await simulation.command('pause');
    await simulation.time.advance(30 * minute);
    const told = [...simulation.database.nodes.values()].filter((node) =>
      node.modules.get('greeter')?.has('v2'),
    ).length;
    expect(told).toBe(1_000);
    await simulation.command('resume');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('survive twenty rounds of it in one deploy', async () => {
    const simulation = await running({ stages: [100] }, { script: { latencyMs: () => 20_000 } });
    await simulation.time.advance(1_000);
    for (let round = 0; round < 20; round++) {
      await simulation.command('pause');
      await simulation.time.advance(10 * minute);
      await simulation.command('resume');
      await simulation.time.advance(1_000);
    }
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('say nothing new when it is so already', async () => {
    const simulation = await running();
    await simulation.time.advance(minute);
    await simulation.command('pause');
    const { head } = await simulation.state();
    expect((await simulation.command('pause')).head).toBe(head);
    await simulation.command('resume');
    expect(await codeOf(simulation.command('resume'))).toBe('HS_DEPLOYMENT_COMMAND_REFUSED');
  });
});

describe('promote', () => {
  it('ends a wait early, and the health of the stage is still asked', async () => {
    const simulation = await running();
    await simulation.time.advance(10_000);
    await simulation.command('promote');
    await simulation.time.advance(1_000);
    expect(journalOutline(simulation.journal()).slice(6, 12)).toEqual([
      'ended',
      'began wait',
      'promote',
      'ended',
      'began verify',
      'ended',
    ]);
    expect((await simulation.state()).summary).toMatchObject({ progressPercent: 10, stage: '10%' });
  });

  it('answers the pause of a strategy that accepts it', async () => {
    const simulation = await running({ promoteByHand: true });
    await simulation.time.advance(6 * minute);
    const asking = await simulation.state();
    expect(asking.summary).toMatchObject({ status: 'Paused', reason: 'Waiting for promotion to 50%' });
    expect(asking.accepts).toEqual(['promote']);
    await simulation.time.advance(24 * 60 * minute);
    expect(await codeOf(simulation.command('resume'))).toBe('HS_DEPLOYMENT_COMMAND_REFUSED');
    expect((await simulation.command('promote')).summary.status).toBe('InProgress');
    await simulation.time.advance(6 * minute);
    await simulation.command('promote');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('is refused when the step has moved on since it was looked at', async () => {
    const simulation = await running();
    await simulation.time.advance(10_000);
    const step = (await simulation.state()).summary.running?.step ?? 0;
    await simulation.command('promote', { ifStep: step });
    expect(await codeOf(simulation.command('promote', { ifStep: step }))).toBe('HS_DEPLOYMENT_STEP_MOVED');
  });
});

describe('a command that is held to what was seen', () => {
  it('is refused when anything was written since, also by somebody at the same moment', async () => {
    const simulation = await running();
    const { head } = await simulation.state();
    const codes = await Promise.all(
      (['pause', 'abort', 'pause'] as const).map((command) => codeOf(simulation.command(command, { ifHead: head }))),
    );
    expect(codes.sort()).toEqual(['HS_DEPLOYMENT_STALE', 'HS_DEPLOYMENT_STALE', 'no error']);
  });
});

describe('retry', () => {
  it('runs a failed batch again, and its old failure does not count', async () => {
    let broken = true;
    const simulation = new Simulation({
      strategies: testStrategies,
      script: { loads: (node, id) => !(broken && id === 'v2' && node.nodeId === 'us-east-5') },
    });
    await simulation.deploy({ strategy: 'Batched' });
    await simulation.time.advance(5 * minute);
    const stopped = await simulation.state();
    expect(stopped.summary.status).toBe('Paused');
    expect(stopped.accepts).toEqual(['retry', 'resume']);
    await simulation.command('retry');
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary.status).toBe('Paused');
    const epoch = await simulation.fleetReader.epoch('default', 'greeter');
    broken = false;
    await simulation.command('retry');
    expect(await simulation.fleetReader.epoch('default', 'greeter')).toBe(epoch + 1);
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
    expect(simulation.sharePercent('v2')).toBe(100);
  });

  it('leaves a batch out when a person resumes instead, and says so', async () => {
    const simulation = new Simulation({
      strategies: testStrategies,
      script: { loads: (node, id) => !(id === 'v2' && node.nodeId === 'us-east-5') },
    });
    await simulation.deploy({ strategy: 'Batched' });
    await simulation.time.advance(5 * minute);
    await simulation.command('resume');
    await simulation.time.advance(10 * minute);
    const { summary } = await simulation.state();
    expect(summary).toMatchObject({ status: 'PartiallyCompleted', progressPercent: 80, failedNodes: [[8, 12]] });
    expect(simulation.sharePercent('v2')).toBe(80);
  });
});

describe('the table of commands and situations', () => {
  /** A deployment in each situation. */
  const situations: { readonly [S in CommandSituation]: () => Promise<Simulation> } = {
    pending: async () => {
      const simulation = new Simulation({ strategies: testStrategies });
      await simulation.create({ strategy: 'Staged' });
      return simulation;
    },
    awaiting: async () => {
      const simulation = new Simulation({ strategies: testStrategies });
      await simulation.create({ strategy: 'Staged', spec: { requireApproval: true } });
      return simulation;
    },
    approved: async () => {
      const simulation = await situations.awaiting();
      await simulation.command('approve');
      return simulation;
    },
    offline: async () => {
      const simulation = await situations.pending();
      for (const nodeId of simulation.database.nodes.keys()) simulation.fleet.disconnect(nodeId);
      await simulation.command('execute');
      return simulation;
    },
    running: async () => {
      const simulation = await running();
      await simulation.time.advance(1);
      return simulation;
    },
    waiting: async () => {
      const simulation = await running();
      await simulation.time.advance(minute);
      return simulation;
    },
    asking: async () => {
      const simulation = await running({ promoteByHand: true });
      await simulation.time.advance(6 * minute);
      return simulation;
    },
    heldByPerson: async () => {
      const simulation = await situations.waiting();
      await simulation.command('pause');
      return simulation;
    },
    heldByEngine: async () => {
      const throwing = strategyOf('Throwing', function* ({ targets }) {
        yield* deploy({ nodes: targets });
        throw new TypeError('a mistake');
      });
      const simulation = new Simulation({ strategies: [throwing] });
      await simulation.deploy();
      await simulation.time.advance(minute);
      return simulation;
    },
    rollingBack: async () => {
      const simulation = await situations.waiting();
      await simulation.command('rollback');
      return simulation;
    },
    retained: async () => {
      const simulation = await running({ stages: [100], bakeMs: 1_000 });
      await simulation.time.advance(minute);
      return simulation;
    },
    ended: async () => {
      const simulation = await running({ stages: [100], bakeMs: 1_000 });
      await simulation.finish();
      return simulation;
    },
    undone: async () => {
      const simulation = await situations.rollingBack();
      await simulation.finish();
      return simulation;
    },
  };

  const cases = (Object.keys(commandSituations) as CommandSituation[]).flatMap((situation) =>
    deploymentCommands.map((command) => [situation, command] as const),
  );

  it.each(cases)('%s: %s does what the table says', async (situation: CommandSituation, command: DeploymentCommand) => {
    const simulation = await situations[situation]();
    const before = await simulation.state();
    const rule = commandTable[command][situation];
    const isRefused =
      'refused' in rule || (rule.does === 'answer' && !before.accepts.some((accepted) => accepted === command));
    expect(before.allowed.includes(command)).toBe(!isRefused);
    const code = await codeOf(simulation.command(command));
    expect(code).toBe(isRefused ? 'HS_DEPLOYMENT_COMMAND_REFUSED' : 'no error');
    const changed = (await simulation.state()).head !== before.head;
    expect(changed).toBe(!isRefused && 'does' in rule && rule.does !== 'nothing');
  });
});

describe('a batch of a batched rollout', () => {
  it('is answered by retry or resume only', async () => {
    const simulation = new Simulation({ strategies: [batched, staged], script: { healthy: (_, id) => id !== 'v2' } });
    await simulation.deploy();
    await simulation.time.advance(minute);
    expect(await codeOf(simulation.command('promote'))).toBe('HS_DEPLOYMENT_COMMAND_REFUSED');
    expect((await simulation.state()).allowed).toEqual(['execute', 'pause', 'resume', 'retry', 'abort', 'rollback']);
    expect(simulation.database.outbox.map(({ text }) => text)).toContain('Health checks failed');
  });
});
