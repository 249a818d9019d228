import { readWit, type InterfaceChange } from '@hotswap/interfaces';
import type {
  InterfaceChangeView,
  InterfaceConsumerView,
  InterfaceSummaryView,
  InterfaceView,
} from '@hotswap/protocol';
import type { InterfaceConsumer, InterfaceRecord } from '../ports/interface-store.ts';

/** @internal */
export function toChangeView({ severity, kind, direction, path, before, after }: InterfaceChange): InterfaceChangeView {
  return { kind: severity, change: kind, direction, path, before, after };
}

/** @internal */
export function toInterfaceSummary(record: InterfaceRecord): InterfaceSummaryView {
  return {
    name: record.name,
    version: record.version,
    status: record.status,
    comparedWith: record.comparedWith,
    createdBy: record.createdBy,
    createdAt: new Date(record.createdAt).toISOString(),
    decidedBy: record.decidedBy,
    decidedAt: record.decidedAt === null ? null : new Date(record.decidedAt).toISOString(),
    reason: record.reason,
    revision: record.revision,
  };
}

/** @internal */
export function toInterfaceView(
  record: InterfaceRecord,
  consumers: readonly InterfaceConsumer[],
  dependencies: readonly string[],
): InterfaceView {
  const { root } = readWit(record.wit, { dependencies });
  return {
    ...toInterfaceSummary(record),
    wit: record.wit,
    interfaces: [...root.interfaces.values()].map(({ id }) => id),
    worlds: [...root.worlds.values()].map(({ id }) => id),
    changes: record.changes as unknown as readonly InterfaceChangeView[],
    consumers: consumers.filter(({ version }) => version === record.version).map(toConsumerView),
  };
}

/** @internal */
export function toConsumerView({
  version,
  consumer,
  uses,
  createdBy,
  createdAt,
}: InterfaceConsumer): InterfaceConsumerView {
  return { version, consumer, uses, createdBy, createdAt: new Date(createdAt).toISOString() };
}
