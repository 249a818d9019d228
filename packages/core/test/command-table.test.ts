import { describe, expect, it } from 'vitest';
import { commandSituations, commandTable, deploymentCommands } from '../src/index.ts';

describe('the table of commands', () => {
  it('has a rule for every command in every situation', () => {
    const situations = Object.keys(commandSituations).sort();
    expect(Object.keys(commandTable).sort()).toEqual([...deploymentCommands].sort());
    for (const command of deploymentCommands) expect(Object.keys(commandTable[command]).sort()).toEqual(situations);
  });

  it('says why whenever it refuses', () => {
    for (const command of deploymentCommands)
      for (const rule of Object.values(commandTable[command]))
        if ('refused' in rule) expect(rule.refused).toMatch(/^\S.{5,}\S$/);
  });

  it('lets nobody be stuck: every situation that is not over can be left by abort or rollback', () => {
    for (const situation of [
      'pending',
      'offline',
      'running',
      'waiting',
      'asking',
      'heldByPerson',
      'heldByEngine',
    ] as const)
      expect(commandTable.abort[situation]).toEqual({ does: 'undo' });
    expect(commandTable.rollback.retained).toEqual({ does: 'undo' });
  });
});
