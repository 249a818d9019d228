import type { Json, ModuleHttp } from '@hotswap/core';
import type { Page, PageQuery } from './page.ts';

/** Where a registered interface stands. @internal */
export type InterfaceStatus = 'Approved' | 'PendingApproval' | 'Rejected' | 'Deprecated';

/** A version of a WIT package as it is registered. @internal */
export interface InterfaceRecord {
  readonly tenant: string;
  readonly name: string;
  readonly version: string;
  readonly wit: string;
  readonly status: InterfaceStatus;
  readonly comparedWith: string | null;
  readonly changes: readonly Json[];
  readonly createdBy: string;
  readonly createdAt: number;
  readonly decidedBy: string | null;
  readonly decidedAt: number | null;
  readonly reason: string | null;
  readonly revision: number;
}

/** Somebody who says to depend on an interface. @internal */
export interface InterfaceConsumer {
  readonly name: string;
  readonly version: string;
  readonly consumer: string;
  readonly uses: readonly string[];
  readonly createdBy: string;
  readonly createdAt: number;
}

/** Registered interfaces and who says to depend on them. @internal */
export interface InterfaceStore {
  insert(
    each: Pick<
      InterfaceRecord,
      'tenant' | 'name' | 'version' | 'wit' | 'status' | 'comparedWith' | 'changes' | 'createdBy'
    >,
  ): Promise<{ readonly record: InterfaceRecord; readonly created: boolean }>;
  find(tenant: string, name: string, version: string): Promise<InterfaceRecord | null>;
  get(tenant: string, name: string, version: string): Promise<InterfaceRecord>;
  versions(tenant: string, name: string): Promise<readonly InterfaceRecord[]>;
  list(
    tenant: string,
    query: PageQuery & { readonly status?: InterfaceStatus | undefined },
  ): Promise<Page<InterfaceRecord>>;
  decide(
    tenant: string,
    name: string,
    version: string,
    decision: {
      readonly status: InterfaceStatus;
      readonly from: readonly InterfaceStatus[];
      readonly by: string;
      readonly reason: string | null;
      /** Revision that was looked at. */
      readonly seen?: number;
    },
  ): Promise<InterfaceRecord>;
  putConsumer(tenant: string, consumer: Omit<InterfaceConsumer, 'createdAt'>): Promise<InterfaceConsumer>;
  removeConsumer(tenant: string, name: string, version: string, consumer: string): Promise<void>;
  consumers(tenant: string, names: readonly string[]): Promise<readonly InterfaceConsumer[]>;
}

/** Somebody who called a function. @internal */
export interface FunctionCaller {
  readonly tenant: string;
  readonly moduleName: string;
  readonly functionName: string;
  readonly subject: string;
}

/** A kind of host among nodes. @internal */
export interface HostKind {
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly capabilities: Readonly<Record<string, Json>>;
  readonly nodes: number;
  readonly example: string;
}

/** A module version that gets requests. @internal */
export interface LiveModule {
  readonly moduleName: string;
  readonly moduleId: string;
  readonly releaseId: string;
  readonly http: ModuleHttp | null;
  readonly nodes: number;
}

/** What runs, on what, and who uses it. @internal */
export interface LiveUse {
  liveModules(tenant: string, regions: readonly string[] | null): Promise<readonly LiveModule[]>;
  hosts(tenant: string, regions: readonly string[] | null): Promise<readonly HostKind[]>;
  noteCallers(callers: readonly FunctionCaller[]): Promise<void>;
  callers(tenant: string, moduleName: string, withinMs: number): Promise<readonly FunctionCaller[]>;
}
