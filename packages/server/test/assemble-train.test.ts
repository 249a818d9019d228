import { describe, expect, it } from 'vitest';
import { hotSwapError, type DeploymentSpec, type Train, type TrainChange } from '@hotswap/core';
import { assembleTrain } from '../src/trains/assemble-train.ts';

const specs = ['tax', 'shop'].map(
  (name) => ({ tenant: 'default', deploymentId: `train-1-${name}` }) as unknown as DeploymentSpec,
);

/** A train's row and the deployments that were created for it, with whatever else happens when the second one is. */
class Assembly {
  row: Train = {
    ...{ tenant: 'default', trainId: 'train-1', author: 'dev', actor: 'dev', order: 'given', reason: null },
    ...{ intent: 'assemble', status: 'Pending', backEnd: 'Cancelled', revision: 1, createdAt: 0, updatedAt: 0 },
    members: [],
  };
  readonly commands: string[] = [];
  /** Happens between a look at the row and the write on top of it. */
  race: (() => void) | null = null;

  change(change: TrainChange): void {
    this.row = { ...this.row, ...change, revision: this.row.revision + 1 };
  }

  run(second: () => void): Promise<void> {
    const trains = {
      find: () => Promise.resolve(this.row),
      update: ({ revision }: Train, change: TrainChange) => {
        this.race?.();
        if (revision !== this.row.revision) return Promise.resolve(null);
        this.change(change);
        return Promise.resolve(this.row);
      },
    };
    const engine = {
      create: ({ deploymentId }: DeploymentSpec) => {
        if (deploymentId === specs[1]?.deploymentId) second();
        return Promise.resolve({} as never);
      },
      command: (_tenant: string, deploymentId: string, command: string) => {
        this.commands.push(`${command} ${deploymentId}`);
        return Promise.resolve({} as never);
      },
    };
    return assembleTrain({ trains, engine }, this.row, specs, 'dev');
  }
}

const lost: TrainChange = { intent: 'back', status: 'Cancelled', reason: 'Its server was lost' };
const calledOff = ['abort train-1-shop', 'abort train-1-tax'];

describe('the assembly of a train', () => {
  it('leaves a train that waits', async () => {
    const assembly = new Assembly();
    await assembly.run(() => undefined);
    expect([assembly.row.intent, assembly.commands]).toEqual(['wait', []]);
  });

  it('turns the train back when one cannot be created, and leaves the rest to whoever drives it', async () => {
    const assembly = new Assembly();
    const refusal = hotSwapError('HS_DEPLOYMENT_EXISTS', { deploymentId: 'train-1-shop' });
    await expect(
      assembly.run(() => {
        throw refusal;
      }),
    ).rejects.toBe(refusal);
    expect(assembly.row).toMatchObject({ intent: 'back', reason: refusal.message });
    expect(assembly.commands).toEqual([]);
  });

  it('calls off what it has created of a train that was given up meanwhile, and says so', async () => {
    const assembly = new Assembly();
    await expect(assembly.run(() => assembly.change(lost))).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_TRAIN_REFUSED',
      message: 'create is not possible while the train is Cancelled: Its server was lost',
    });
    expect([assembly.row.status, assembly.commands]).toEqual(['Cancelled', calledOff]);
  });

  it('does so when it is given up in the last moment', async () => {
    const assembly = new Assembly();
    assembly.race = () => {
      assembly.race = null;
      assembly.change(lost);
    };
    await expect(assembly.run(() => undefined)).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_TRAIN_REFUSED' });
    expect([assembly.row.status, assembly.commands]).toEqual(['Cancelled', calledOff]);
  });

  it('calls off what it has created when it is given up and one cannot be created', async () => {
    const assembly = new Assembly();
    const refusal = hotSwapError('HS_DEPLOYMENT_EXISTS', { deploymentId: 'train-1-shop' });
    await expect(
      assembly.run(() => {
        assembly.change(lost);
        throw refusal;
      }),
    ).rejects.toBe(refusal);
    expect(assembly.commands).toEqual(['abort train-1-tax']);
  });
});
