import type { PgBoss, Queue } from 'pg-boss';
import type { DeploymentId, Instant } from '@hotswap/core';
import { bossSession } from './boss-database.ts';
import type { Session } from './session.ts';

/** What a wake job carries. @internal */
export interface Wake {
  readonly tenant: string;
  readonly deploymentId: DeploymentId;
}

/**
 * The queue of wake-ups. Failed ones are repeated with growing pauses, in effect for ever; a worker that dies with one
 * in its hands gives it back after half a minute.
 * @internal
 */
export const wakeQueue: { readonly name: string; readonly options: Omit<Queue, 'name'> } = {
  name: 'rollout-wake',
  options: {
    notify: true,
    expireInSeconds: 30,
    retryLimit: 10_000,
    retryDelay: 1,
    retryBackoff: true,
    retryDelayMax: 30,
    deleteAfterSeconds: 60,
    retentionSeconds: 400 * 86_400,
  },
};

/**
 * Moves the deployment's one planned wake to the given time, or plans it, with the transaction. The writer of a journal
 * entry knows all entries before it, so its time replaces theirs.
 * @internal
 */
export async function planWake(boss: PgBoss, session: Session, wake: Wake, at: Instant): Promise<void> {
  const key = `${wake.tenant}/${wake.deploymentId}`;
  await boss.upsert(wakeQueue.name, wake, { singletonKey: key, startAfter: new Date(at), db: bossSession(session) });
}
