import { NodeQuestions } from '@hotswap/gateway';
import { DesiredStateRepository, ReleaseRepository, type Database } from '@hotswap/state-postgres';
import type { InvokeSigningKey } from './auth/invoke-signing-key.ts';
import { NodeInquiry } from './nodes/node-inquiry.ts';
import type { NodeRegistry } from './ports/node-registry.ts';

/** What asks nodes themselves, over this database. @internal */
export function composeInquiry(database: Database, nodes: NodeRegistry, key: InvokeSigningKey): NodeInquiry {
  return new NodeInquiry({
    nodes,
    questions: new NodeQuestions((nodeId, lifetimeMs, tenant) => key.sign(tenant, nodeId, lifetimeMs)),
    desired: new DesiredStateRepository(database),
    releases: new ReleaseRepository(database),
  });
}
