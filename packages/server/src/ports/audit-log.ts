import type { AuditAct, AuditHead } from '@hotswap/core';

/** Whoever a request is carried out for. @internal */
export interface Acting {
  readonly actor: string;
  readonly role: string | null;
  readonly requestId: string | null;
}

/** What is on record of changes. @internal */
export interface AuditLog {
  head(tenant: string): Promise<AuditHead>;
  list(
    tenant: string,
    query: {
      readonly limit: number;
      readonly after?: number | undefined;
      readonly newestFirst?: boolean | undefined;
      readonly actor?: string | undefined;
      readonly action?: string | undefined;
      readonly object?: string | undefined;
    },
  ): Promise<readonly AuditAct[]>;
  /** Carries out work in the name of somebody: what it changes goes on record under that name. */
  actAs<Result>(acting: Acting, work: () => Result): Result;
}
