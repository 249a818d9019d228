import type { JournalStoreRig } from '../suites/journal-store/journal-store-rig.ts';
import { MemoryDatabase, type RequestedWake } from './memory-database.ts';
import { MemoryFleetReader } from './memory-fleet-reader.ts';
import { MemoryJournalStore } from './memory-journal-store.ts';

/** The in-memory store as the journal store suite takes it. @public */
export async function createMemoryJournalStoreRig(): Promise<JournalStoreRig> {
  const database = new MemoryDatabase();
  const wakes: RequestedWake[] = [];
  database.onWake = (wake) => wakes.push(wake);
  return {
    store: new MemoryJournalStore(database),
    fleet: new MemoryFleetReader(database),
    addRelease: async (release) => database.addRelease(release),
    addNode: async (node) => database.addNode(node),
    setEnabled: async (nodeId, enabled) => database.setEnabled(nodeId, enabled),
    silence: async (nodeId) => database.setReachable(nodeId, false),
    report: async (nodeId, observed) => database.report(nodeId, observed),
    reportMirrors: async (instanceId, reports) => database.reportMirrors(instanceId, reports),
    desired: async (nodeId) => database.desired(nodeId),
    summary: async (deploymentId) => database.summary(deploymentId),
    wakes: async () => [...wakes],
    outbox: async () => [...database.outbox],
    [Symbol.asyncDispose]: async () => {},
  };
}
