import type { Page, PageQuery } from './page.ts';

/** Somebody who logs in with a password. @internal */
export interface UserRecord {
  readonly tenant: string;
  readonly userId: string;
  readonly username: string;
  readonly role: string;
  readonly tier: string | null;
  readonly passwordHash: string;
  readonly isEnabled: boolean;
  readonly sessionEpoch: number;
  readonly revision: number;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
}

/** People who log in, and their sessions. @internal */
export interface Users {
  create(
    user: Pick<UserRecord, 'tenant' | 'userId' | 'username' | 'role' | 'tier' | 'passwordHash' | 'createdBy'>,
  ): Promise<UserRecord>;
  /** `null` when it is not there, or no longer at that revision. */
  change(
    tenant: string,
    userId: string,
    revision: number,
    changes: {
      readonly role?: string | undefined;
      readonly tier?: string | null | undefined;
      readonly isEnabled?: boolean | undefined;
      readonly passwordHash?: string | undefined;
    },
  ): Promise<UserRecord | null>;
  find(tenant: string, userId: string): Promise<UserRecord | null>;
  findByName(username: string): Promise<UserRecord | null>;
  findSession(userId: string, sessionId: string): Promise<(UserRecord & { readonly isEnded: boolean }) | null>;
  list(tenant: string, query?: PageQuery): Promise<Page<UserRecord>>;
  noteLogin(user: UserRecord, address: string): Promise<void>;
  endSession(
    sessionId: string,
    expiresAt: number,
    user: { readonly tenant: string; readonly username: string },
  ): Promise<void>;
  endSessions(tenant: string, userId: string): Promise<void>;
}
