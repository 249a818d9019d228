import assert from 'node:assert/strict';
import { canonicalJson, isHotSwapError, parseStrategyConfig } from '@hotswap/core';
import { sweepCrashes } from '../../scenario/crash-sweep.ts';
import { journalOutline } from '../../scenario/record-journal.ts';
import { Simulation, simulateRollout } from '../../scenario/simulation.ts';
import type { Clauses } from '../define-suite.ts';
import { assertReplays } from './replay-assertion.ts';
import type { StrategyRig } from './strategy-rig.ts';
import { known, scenario, watched, type Scenario } from './watched-rollout.ts';

/** Begins a rollout and stops at each moment at which something was committed; `act` decides what happens there. */
async function atEveryCommit(options: Scenario, act: (simulation: Simulation) => Promise<void>): Promise<number> {
  const moments = new Set<number>();
  const reference = await watched(options, (simulation) => moments.add(simulation.time.now()));
  assert.ok(reference.errors.length === 0, `the engine threw ${String(reference.errors[0])}`);
  for (const moment of moments) {
    const simulation = new Simulation(options);
    await simulation.deploy(options);
    await simulation.time.run(moment);
    await act(simulation);
  }
  return moments.size;
}

function assertRestored(simulation: Simulation, when: string): void {
  assert.equal(simulation.sharePercent('v2'), 0, `${when}: the release still has traffic`);
  for (const nodeId of simulation.database.nodes.keys()) {
    assert.ok(!simulation.fleet.loaded(nodeId).includes('v2'), `${when}: ${nodeId} still holds the release`);
  }
}

/** @internal */
export const strategyClauses: Clauses<StrategyRig> = {
  async 'has a PascalCase name and a whole version'({ strategy }) {
    assert.match(strategy.name, /^[A-Z][A-Za-z0-9]*$/);
    assert.ok(Number.isInteger(strategy.version) && strategy.version >= 1);
  },

  async 'reads each configuration into JSON, the same each time'(rig) {
    for (const config of rig.configs) {
      const read = parseStrategyConfig(rig.strategy, config);
      assert.deepEqual(JSON.parse(JSON.stringify(read)), read);
      assert.equal(canonicalJson(parseStrategyConfig(rig.strategy, config)), canonicalJson(read));
      // What is frozen at create is read once more where a strategy runs inside another.
      assert.equal(canonicalJson(parseStrategyConfig(rig.strategy, read)), canonicalJson(read));
    }
  },

  async 'refuses unknown keys and nonsense, and points at the mistake'(rig) {
    for (const { config, pointer } of [...rig.refused, { config: { noSuchKey: 1 }, pointer: '/noSuchKey' }]) {
      assert.throws(
        () => parseStrategyConfig(rig.strategy, config),
        (thrown) => isHotSwapError(thrown, 'HS_STRATEGY_INVALID_CONFIG') && thrown.details['pointer'] === pointer,
        `${JSON.stringify(config)} should be refused at ${pointer}`,
      );
    }
  },

  async 'ends as Completed with the release serving everything that it took over'(rig) {
    for (const config of rig.configs) {
      const simulation = await simulateRollout(scenario(rig, config));
      const { summary } = await simulation.state();
      assert.deepEqual(
        [summary.status, summary.progressPercent],
        ['Completed', 100],
        journalOutline(simulation.journal()).join('\n'),
      );
      assert.equal(simulation.sharePercent('v2'), 100);
    }
  },

  async 'yields the same next step from every beginning of its journals'(rig) {
    for (const config of rig.configs) {
      const simulation = await simulateRollout(scenario(rig, config));
      assertReplays(simulation.journal(), known(rig));
    }
  },

  async 'sends requests only to nodes that have loaded the release'(rig) {
    for (const config of rig.configs) {
      await watched(scenario(rig, config), (simulation) => {
        let routed = 0;
        for (const node of simulation.database.nodes.values()) {
          for (const [releaseId, { weight }] of node.modules.get('greeter') ?? []) {
            if (weight > 0) routed++;
            if (weight > 0 && releaseId === 'v2')
              assert.ok(
                simulation.fleet.loaded(node.nodeId).includes('v2'),
                `${node.nodeId} gets traffic for a release that it has not loaded`,
              );
          }
        }
        assert.ok(routed > 0, 'no node serves the module any more');
      });
    }
  },

  async 'never takes progress back'(rig) {
    for (const config of rig.configs) {
      const simulation = await simulateRollout(scenario(rig, config));
      const said = simulation
        .journal()
        .map((entry) =>
          entry.type === 'began' && entry.effect.kind === 'progress' ? entry.effect.input.percent : null,
        )
        .filter((percent) => percent !== null);
      assert.deepEqual(
        said,
        [...said].sort((a, b) => a - b),
      );
    }
  },

  async 'survives a crash before and after every commit without skipping or repeating a step'(rig) {
    for (const config of rig.configs) {
      for (const crash of await sweepCrashes(scenario(rig, config))) {
        assert.ok(crash.same, `died ${crash.when} commit ${crash.commit}:\n${crash.outline.join('\n')}`);
        assert.ok(
          crash.delayMs <= 15_000,
          `died ${crash.when} commit ${crash.commit}: took ${crash.delayMs} ms longer`,
        );
      }
    }
  },

  async 'can be rolled back at every step'(rig) {
    for (const config of rig.configs) {
      await atEveryCommit(scenario(rig, config), async (simulation) => {
        const { allowed } = await simulation.state();
        if (!allowed.includes('rollback')) return;
        const step = (await simulation.state()).summary.running?.step ?? 'the end';
        await simulation.command('rollback', { reason: 'complaints' });
        assert.equal(simulation.sharePercent('v2'), 0, 'the append of the rollback restores the route');
        await simulation.time.advance(1_000);
        assert.equal((await simulation.state()).summary.status, 'RolledBack', `rolled back at step ${step}`);
        assertRestored(simulation, `rolled back at step ${step}`);
      });
    }
  },

  async 'can be aborted at every step'(rig) {
    for (const config of rig.configs) {
      await atEveryCommit(scenario(rig, config), async (simulation) => {
        if (!(await simulation.state()).allowed.includes('abort')) return;
        await simulation.command('abort');
        await simulation.finish();
        assert.equal((await simulation.state()).summary.status, 'Cancelled');
        assertRestored(simulation, 'aborted');
      });
    }
  },

  async 'can be paused and resumed at every step, and ends the same'(rig) {
    for (const config of rig.configs) {
      await atEveryCommit(scenario(rig, config), async (simulation) => {
        if (!(await simulation.state()).allowed.includes('pause')) return;
        await simulation.command('pause');
        await simulation.time.advance(3_600_000);
        assert.equal((await simulation.state()).summary.status, 'Paused');
        await simulation.command('resume');
        await simulation.finish();
        assert.equal(
          (await simulation.state()).summary.status,
          'Completed',
          journalOutline(simulation.journal()).join('\n'),
        );
      });
    }
  },

  async 'never completes over nodes that cannot load the release'(rig) {
    for (const config of rig.configs) {
      const simulation = await simulateRollout({
        ...scenario(rig, config),
        script: { loads: (_, releaseId) => releaseId !== 'v2' },
      });
      const { summary } = await simulation.state();
      assert.ok(['RolledBack', 'Failed', 'Paused'].includes(summary.status), `it is ${summary.status}`);
      assert.equal(simulation.sharePercent('v2'), 0);
      assert.notEqual(summary.reason, undefined, 'it says why');
    }
  },

  async 'races of two engines end like one'(rig) {
    const config = rig.configs[0];
    const reference = await simulateRollout(scenario(rig, config));
    for (let seed = 1; seed <= 20; seed++) {
      const simulation = await simulateRollout({ ...scenario(rig, config), engines: 2, interleave: pausesFrom(seed) });
      const entries = simulation.journal();
      assert.deepEqual(
        entries.map(({ seq }) => seq),
        entries.map((_, n) => n),
        `seed ${seed}`,
      );
      assert.deepEqual(journalOutline(entries), journalOutline(reference.journal()), `seed ${seed}`);
    }
  },
};

/** Zero to four turns of the event loop's microtasks, the same for a seed. @internal */
export function pausesFrom(seed: number): () => Promise<void> {
  let state = seed * 7_919;
  return async () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7f_ff_ff_ff;
    for (let turns = (state >> 8) % 5; turns > 0; turns--) await Promise.resolve();
  };
}
