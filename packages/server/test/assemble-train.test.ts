import { describe, expect, it } from 'vitest';
import {
  driveTrain,
  hotSwapError,
  type DeploymentSpec,
  type DeploymentStatus,
  type Train,
  type TrainChange,
  type TrainDriveParts,
  type TrainMember,
} from '@hotswap/core';
import { assembleTrain, type AssemblyParts } from '../src/trains/assemble-train.ts';

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

describe('a server that dies while it assembles a train', () => {
  class Died extends Error {}
  const orders = [0, 1, 2, 3, 4, 5, 6, 7, 8];

  /**
   * Dies at the n-th access to the store, before or after it is done, of an assembly that another server gives up at the
   * m-th; then that other server looks, as often as it takes.
   */
  const left = async (diesAt: number, isDone: boolean, givenUpAt: number) => {
    let row: Train = { ...new Assembly().row, members: specs.map(memberOf) };
    const statuses = new Map<string, { status: DeploymentStatus; reason?: string | undefined }>();
    const parts = (accessed: () => void, done: () => void): AssemblyParts & TrainDriveParts => {
      const access = async <Result>(act: () => Result): Promise<Result> => {
        accessed();
        const result = act();
        done();
        return result;
      };
      const command = (id: string, reason: string | undefined): void => {
        if (['Pending', 'PendingApproval'].includes(statuses.get(id)?.status ?? ''))
          statuses.set(id, { status: 'Cancelled', reason });
      };
      const update = (read: Train, change: TrainChange) =>
        access(() => {
          if (read.revision !== row.revision) return null;
          return (row = { ...row, ...change, revision: row.revision + 1 });
        });
      return {
        trains: { find: () => access(() => row), update },
        engine: {
          create: ({ deploymentId }) => access(() => void statuses.set(deploymentId, { status: 'Pending' })) as never,
          command: (_tenant, id, _command, _actor, options) => access(() => command(id, options?.reason)) as never,
        },
        members: () =>
          Promise.resolve(
            specs.map(({ deploymentId }) => {
              const { status = null, reason } = statuses.get(deploymentId) ?? {};
              return { deploymentId, status, reason, isRetained: false };
            }),
          ),
        update,
        command: (_train, id, _command, { reason }) => access(() => command(id, reason)),
        now: () => 60_001,
      };
    };
    const nothing = (): void => undefined;
    const other = parts(nothing, nothing);
    let accesses = 0;
    const dieIf = (wanted: boolean): void => {
      if (wanted && accesses > diesAt) throw new Died('killed');
    };
    const first = parts(
      () => {
        if (accesses++ === givenUpAt && row.intent === 'assemble') {
          row = { ...row, intent: 'back', status: 'Cancelled', reason: 'Its server was lost', revision: 9 };
        }
        dieIf(!isDone);
      },
      () => dieIf(isDone),
    );
    await assembleTrain(first, row, specs, 'dev').catch(nothing);
    for (let looks = 0; looks < 3; looks++) await driveTrain(other, row);
    return { row, members: [...statuses.values()] };
  };

  it.each(orders)('leaves no member behind that waits, whenever it dies, given up at access %i', async (givenUpAt) => {
    for (const diesAt of orders) {
      for (const isDone of [false, true]) {
        const { row, members } = await left(diesAt, isDone, givenUpAt);
        const at = `died ${isDone ? 'after' : 'before'} access ${String(diesAt)}`;
        if (row.intent === 'wait') {
          expect(members, at).toEqual([{ status: 'Pending' }, { status: 'Pending' }]);
          continue;
        }
        expect(row.status, at).toBe('Cancelled');
        for (const member of members)
          expect(member, at).toEqual({
            status: 'Cancelled',
            reason: expect.stringMatching(/^train-1 (was given up|goes back): Its server was lost/) as string,
          });
      }
    }
  });
});

const memberOf = ({ deploymentId }: DeploymentSpec): TrainMember => ({
  deploymentId,
  moduleId: `${deploymentId}-v1`,
  moduleName: deploymentId,
  after: [],
});
