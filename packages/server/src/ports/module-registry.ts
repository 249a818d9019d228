import type { ModuleRecord, Release, ReleaseId } from '@hotswap/core';
import type { Page, PageQuery } from './page.ts';

/** Registered module versions. @internal */
export interface ModuleRegistry {
  insert(
    module: Omit<ModuleRecord, 'createdAt'>,
  ): Promise<{ readonly module: ModuleRecord; readonly created: boolean }>;
  find(tenant: string, moduleId: string): Promise<ModuleRecord | null>;
  get(tenant: string, moduleId: string): Promise<ModuleRecord>;
  list(tenant: string, query: PageQuery & { readonly name?: string | undefined }): Promise<Page<ModuleRecord>>;
  nextVersion(tenant: string, name: string): Promise<string>;
  /** `seen`: only that one, and none that was registered since under its id. @throws HS_STORE_STALE */
  delete(
    tenant: string,
    moduleId: string,
    seen?: Pick<ModuleRecord, 'digest' | 'createdAt'>,
  ): Promise<{ readonly digest: string; readonly lastOfDigest: boolean }>;
}

/** Immutable releases. @internal */
export interface ReleaseRegistry {
  /** The id that a release with this content has, whether it is there or not. */
  idOf(content: Omit<Release, 'releaseId'>): Promise<ReleaseId>;
  insert(content: Omit<Release, 'releaseId'>): Promise<Release>;
  get(tenant: string, releaseId: ReleaseId): Promise<Release>;
  /** Those that are there. */
  getSome(tenant: string, releaseIds: readonly ReleaseId[]): Promise<readonly Release[]>;
  list(tenant: string, query: PageQuery & { readonly moduleName?: string | undefined }): Promise<Page<Release>>;
}
