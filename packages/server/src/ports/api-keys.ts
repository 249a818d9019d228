import type { Page, PageQuery } from './page.ts';

/** A key of a program, without its secret. @internal */
export interface ApiKeyRecord {
  readonly tenant: string;
  readonly keyId: string;
  readonly name: string;
  readonly owner: string;
  readonly role: string;
  readonly tier: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

/** A key as it is looked up. @internal */
export interface KnownApiKey extends ApiKeyRecord {
  readonly secretHash: string;
  readonly ownerRole: string | null;
  readonly isOwnerEnabled: boolean;
}

/** Keys of programs. @internal */
export interface ApiKeys {
  create(
    key: Pick<ApiKeyRecord, 'tenant' | 'keyId' | 'name' | 'owner' | 'role' | 'tier'> & {
      readonly secretHash: string;
      readonly expiresInMs?: number | undefined;
    },
  ): Promise<ApiKeyRecord>;
  find(keyId: string): Promise<KnownApiKey | null>;
  touch(keyId: string): Promise<void>;
  /** `owner` `null`: of all. */
  list(tenant: string, owner: string | null, query?: PageQuery): Promise<Page<ApiKeyRecord>>;
  revoke(tenant: string, keyId: string, owner: string | null): Promise<boolean>;
}
