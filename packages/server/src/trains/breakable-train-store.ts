import type { Failpoint, Train, TrainChange } from '@hotswap/core';
import type { TrainStore } from '../ports/train-store.ts';

/** Moments around each write of a train's row at which a test may kill the server. @internal */
export const trainFailpoints = ['train.row.before', 'train.row.after'] as const;

/** A store of trains that passes a failpoint before and after whatever it writes. @internal */
export function breakableTrainStore(store: TrainStore, failpoint: Failpoint): TrainStore {
  const passing = async <Result>(
    { trainId, intent, status }: Pick<Train, 'trainId' | 'intent' | 'status'>,
    write: () => Promise<Result>,
  ): Promise<Result> => {
    const subject = { object: trainId, label: `${intent}-${status}` };
    const [before, after] = trainFailpoints;
    failpoint(before, [], subject);
    const result = await write();
    failpoint(after, [], subject);
    return result;
  };
  return {
    insert: (train) => passing(train, () => store.insert(train)),
    find: (tenant, trainId) => store.find(tenant, trainId),
    list: (tenant, query) => store.list(tenant, query),
    unfinished: () => store.unfinished(),
    update: (train: Train, change: TrainChange, action?: string) =>
      passing({ ...train, ...change }, () => store.update(train, change, action)),
  };
}
