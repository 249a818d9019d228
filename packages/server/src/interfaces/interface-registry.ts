import {
  compareVersions,
  compatibleRange,
  diffPackages,
  hasBreaking,
  missingPackages,
  packageOf,
  readWit,
  type InterfaceChange,
  type WitPackage,
} from '@hotswap/interfaces';
import type { Json } from '@hotswap/core';
import type { Principal } from '../auth/principal.ts';
import type { ServerConfig } from '../config/schema.ts';
import { serverError } from '../error-codes.ts';
import type { InterfaceRecord, InterfaceStore } from '../ports/interface-store.ts';
import { toChangeView } from './interface-view.ts';

/** What a version was compared with, and what came of it. @internal */
export interface RangeComparison {
  /** `null`: nothing of its range is approved. */
  readonly against: string | null;
  readonly changes: readonly InterfaceChange[];
}

/** A package with more packages than this behind it is refused. */
const maxDependencies = 50;

/** Registered WIT packages: which versions there are, what changed between them, and who approved it. @internal */
export class InterfaceRegistry {
  readonly #store: InterfaceStore;
  readonly #config: Pick<ServerConfig, 'requireApproval'>;

  constructor(store: InterfaceStore, config: Pick<ServerConfig, 'requireApproval'>) {
    this.#store = store;
    this.#config = config;
  }

  /**
   * Registers a version: `Approved` when it breaks nobody within its compatible range, else `PendingApproval`.
   * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_UNRESOLVED, HS_INTERFACE_TOO_LARGE, HS_INTERFACE_NAME_MISMATCH,
   * HS_INTERFACE_EXISTS
   */
  async register(
    body: { readonly name: string; readonly version: string; readonly wit: string },
    author: Principal,
  ): Promise<{ readonly record: InterfaceRecord; readonly created: boolean }> {
    const { name, version } = body;
    const { tenant } = author;
    const wit = withHeading(body);
    const { root } = readWit(wit, { dependencies: await this.dependencies(tenant, wit) });
    if (root.name !== name || root.version !== version)
      throw serverError('HS_INTERFACE_NAME_MISMATCH', {
        stated: `${name}@${version}`,
        written: `${root.name ?? ''}${root.version === null ? '' : `@${root.version}`}`,
      });
    const { against, changes } = await this.compareInRange(tenant, name, version, root);
    return this.#store.insert({
      tenant,
      name,
      version,
      wit,
      status: hasBreaking(changes) ? 'PendingApproval' : 'Approved',
      comparedWith: against,
      changes: changes.map(toChangeView) as unknown as readonly Json[],
      createdBy: author.subject,
    });
  }

  /**
   * Approves, rejects or deprecates exactly what the record holds. `isSeen`: whoever decides has said which text they
   * read; without that an approval is only taken while there has never been another one.
   * @throws HS_INTERFACE_NOT_FOUND, HS_INTERFACE_DECISION_REFUSED, HS_INTERFACE_SELF_APPROVAL,
   * HS_INTERFACE_APPROVAL_UNBOUND
   * @throws HS_STORE_STALE when another text, or another decision, has come in between
   */
  async decide(
    record: InterfaceRecord,
    decision: 'approve' | 'reject' | 'deprecate',
    by: Principal,
    { reason, isSeen }: { readonly reason: string | null; readonly isSeen: boolean },
  ): Promise<InterfaceRecord> {
    const { tenant, name, version, revision } = record;
    if (decision === 'approve' && record.status === 'PendingApproval' && revision > 1 && !isSeen)
      throw serverError('HS_INTERFACE_APPROVAL_UNBOUND', { name: `${name}@${version}`, revision });
    if (decision === 'approve' && this.#config.requireApproval && record.createdBy === by.subject)
      throw serverError('HS_INTERFACE_SELF_APPROVAL', { subject: by.subject, name: `${name}@${version}` });
    const { status, from } = outcomes[decision];
    return this.#store.decide(tenant, name, version, { status, from, by: by.subject, reason, seen: revision });
  }

  /**
   * Compares a package with its neighbours among the approved versions of its range: with the one before it, and the one
   * after it with it.
   */
  async compareInRange(tenant: string, name: string, version: string, root: WitPackage): Promise<RangeComparison> {
    const neighbours = (await this.approved(tenant, name)).filter(
      (each) => compatibleRange(each.version) === compatibleRange(version) && each.version !== version,
    );
    const before = neighbours.findLast((each) => compareVersions(each.version, version) < 0);
    const after = neighbours.find((each) => compareVersions(each.version, version) > 0);
    const changes = [
      ...(before === undefined ? [] : diffPackages(await this.read(before), root)),
      ...(after === undefined ? [] : diffPackages(root, await this.read(after)).filter(isBreaking)),
    ];
    return { against: (before ?? after)?.version ?? null, changes };
  }

  /** Versions that may be built on, lowest first: approved ones, and deprecated ones. */
  async approved(tenant: string, name: string): Promise<readonly InterfaceRecord[]> {
    const versions = await this.#store.versions(tenant, name);
    return versions
      .filter(({ status }) => status === 'Approved' || status === 'Deprecated')
      .sort((a, b) => compareVersions(a.version, b.version));
  }

  /** The package of a registered version. */
  async read(record: InterfaceRecord): Promise<WitPackage> {
    return readWit(record.wit, { dependencies: await this.dependencies(record.tenant, record.wit) }).root;
  }

  /**
   * Texts of the registered packages that a text refers to, and of those behind them. What is not registered is left out:
   * reading the text says so.
   * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_TOO_LARGE
   */
  async dependencies(tenant: string, wit: string): Promise<readonly string[]> {
    const texts = new Map<string, string>();
    let wanted = missingPackages(wit);
    while (wanted.length > 0) {
      if (texts.size + wanted.length > maxDependencies)
        throw serverError('HS_INTERFACE_DEPENDENCIES', { limit: maxDependencies });
      const found = await Promise.all(wanted.map((key) => this.#find(tenant, key)));
      for (const [i, record] of found.entries()) texts.set(wanted[i] as string, record?.wit ?? '');
      const next = found.flatMap((record) => (record === null ? [] : missingPackages(record.wit)));
      wanted = [...new Set(next)].filter((key) => !texts.has(key));
    }
    return [...texts.values()].filter((text) => text !== '');
  }

  async #find(tenant: string, key: string): Promise<InterfaceRecord | null> {
    const [name = '', version = ''] = key.split('@');
    const record = version === '' ? null : await this.#store.find(tenant, name, version);
    return record?.status === 'Rejected' ? null : record;
  }
}

const outcomes = {
  approve: { status: 'Approved', from: ['PendingApproval'] },
  reject: { status: 'Rejected', from: ['PendingApproval'] },
  deprecate: { status: 'Deprecated', from: ['Approved'] },
} as const;

const isBreaking = ({ severity }: InterfaceChange): boolean => severity === 'breaking';

/** The text with its `package` line: it may be left out where name and version say it. */
function withHeading({
  name,
  version,
  wit,
}: {
  readonly name: string;
  readonly version: string;
  readonly wit: string;
}): string {
  return packageOf(wit).name === null ? `package ${name}@${version};\n\n${wit}` : wit;
}
