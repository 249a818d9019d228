import type { JournalBatch, JournalStore } from '@hotswap/core';
import { mayHaveEnded, readEndedDeployment, type EndedDeployment } from './ended-deployment.ts';

/**
 * A journal store that tells, after the commit, of deployments that have ended with it. Each end is told of once in the
 * whole installation, by the server that wrote it.
 * @internal
 */
export function observedJournal(
  journal: JournalStore,
  onEnded: (ended: EndedDeployment) => void,
  onError: (error: unknown) => void,
): JournalStore {
  const look = async ({ tenant, deploymentId }: JournalBatch): Promise<void> => {
    const ended = readEndedDeployment(await journal.read(tenant, deploymentId));
    if (ended !== null) onEnded(ended);
  };
  return {
    read: (tenant, deploymentId, afterSeq) => journal.read(tenant, deploymentId, afterSeq),
    append: async (batches) => {
      await journal.append(batches);
      for (const batch of batches) if (mayHaveEnded(batch.entries)) look(batch).catch(onError);
    },
  };
}
