import type { DeploymentId, Instant, Scheduler } from '@hotswap/core';
import type { Job } from 'pg-boss';
import type { Database } from './database/database.ts';
import { statement } from './database/session.ts';
import { movingStatuses } from './queries/deployment-statuses.ts';
import { wakeQueue, type Wake } from './database/wake-queue.ts';

/** The queue's smallest: how late a planned wake can be. Wakes that are due at once do not wait for it. */
const pollSeconds = 0.5;
const batchSize = 50;
/** The floor under the queue: deployments that should have been woken this long ago are woken whatever became of their job. */
const sweepMs = 5_000;

/** Everything that is going on, once, when a server starts: a job may have died with the server that held it. */
const readUnfinished = statement(
  'wakes_unfinished',
  `
select tenant, deployment_id as "deploymentId" from deployments
where status in ${movingStatuses} or retained_until is not null
order by ordinal`,
);

const readOverdue = statement(
  'wakes_overdue',
  `
select tenant, deployment_id as "deploymentId" from deployments
where wake_at < clock_timestamp() - $1::float8 * interval '1 millisecond' order by wake_at limit 1000`,
);

/**
 * Durable wake-ups through the job queue in the same database. The journal store plans them with its commits; this hands
 * out those that are due, each to one server, and all unfinished deployments at its start.
 * @public
 */
export class PostgresScheduler implements Scheduler {
  readonly #database: Database;
  readonly #onError: (error: unknown) => void;
  #workerId: string | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  /** `onError` hears of handlers that failed; they are called again whether or not anybody listens. */
  constructor(database: Database, options: { readonly onError?: (error: unknown) => void } = {}) {
    this.#database = database;
    this.#onError = options.onError ?? (() => undefined);
  }

  async start(onWake: Parameters<Scheduler['start']>[0]): Promise<void> {
    if (this.#workerId !== undefined) return;
    const work = {
      batchSize,
      pollingIntervalSeconds: pollSeconds,
      notifyPollingIntervalSeconds: pollSeconds,
      burstWhenBatchFull: true,
      localConcurrency: 2,
      perJobResults: true,
    };
    this.#workerId = await this.#database.boss.work(wakeQueue.name, work, (jobs: Job<Wake>[]) =>
      this.#handle(jobs, onWake),
    );
    this.#sweeping = this.#wakeAll(await this.#database.query<Wake>(readUnfinished), onWake);
    this.#sweep = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => this.#wakeOverdue(onWake));
    }, sweepMs);
    this.#sweep.unref();
  }

  async wake(tenant: string, deploymentId: DeploymentId, at: Instant): Promise<void> {
    // Not the planned wake's key: this one is about an event that the planner may not have seen, so it must not be moved.
    await this.#database.boss.send(wakeQueue.name, { tenant, deploymentId } satisfies Wake, {
      startAfter: new Date(at),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweep);
    const id = this.#workerId;
    this.#workerId = undefined;
    if (id !== undefined) await this.#database.boss.offWork(wakeQueue.name, { id, wait: true });
    await this.#sweeping;
  }

  /** Several jobs of one deployment are one wake. */
  async #handle(
    jobs: readonly Job<Wake>[],
    onWake: Parameters<Scheduler['start']>[0],
  ): Promise<{ id: string; status: 'completed' | 'failed' }[]> {
    const byDeployment = Map.groupBy(jobs, ({ data }) => `${data.tenant}/${data.deploymentId}`);
    const results = await Promise.all(
      [...byDeployment.values()].map(async (group) => {
        const [first] = group;
        const ok = first === undefined || (await this.#wakeOne(first.data, onWake));
        return group.map(({ id }) => ({ id, status: ok ? ('completed' as const) : ('failed' as const) }));
      }),
    );
    return results.flat();
  }

  async #wakeOverdue(onWake: Parameters<Scheduler['start']>[0]): Promise<void> {
    try {
      await this.#wakeAll(await this.#database.query<Wake>(readOverdue, [sweepMs]), onWake);
    } catch (error) {
      this.#onError(error);
    }
  }

  async #wakeAll(wakes: readonly Wake[], onWake: Parameters<Scheduler['start']>[0]): Promise<void> {
    for (const wake of wakes) {
      if (this.#workerId === undefined) return;
      await this.#wakeOne(wake, onWake);
    }
  }

  async #wakeOne(wake: Wake, onWake: Parameters<Scheduler['start']>[0]): Promise<boolean> {
    try {
      await onWake({ tenant: wake.tenant, deploymentId: wake.deploymentId });
      return true;
    } catch (error) {
      this.#onError(error);
      return false;
    }
  }
}
