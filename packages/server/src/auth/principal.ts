import type { Tier } from '@hotswap/protocol';

/** What somebody may do. `invoker` and `metrics` come with API keys. @internal */
export type Role = 'viewer' | 'developer' | 'admin' | 'agent' | 'invoker' | 'metrics';

/** Every role there is. @internal */
export const roles: readonly Role[] = ['viewer', 'developer', 'admin', 'agent', 'invoker', 'metrics'];

/** Whoever calls, however the caller proved it. @internal */
export interface Principal {
  readonly tenant: string;
  /** As journals name it. */
  readonly subject: string;
  readonly role: Role;
  /** Of agents. */
  readonly nodeId?: string;
  /** How it was proved. Absent: by a credential of the installation. */
  readonly kind?: 'session' | 'key' | 'provider';
  /** Absent: no quota of a tier holds. */
  readonly tier?: Tier;
  /** When the proof ends by itself, in ms of the epoch. */
  readonly expiresAt?: number;
  /** Of sessions. */
  readonly session?: { readonly userId: string; readonly sessionId: string };
}

/** Roles that hold what another role may do as well. @internal */
export const reading: readonly Role[] = ['viewer', 'developer', 'admin'];
/** @internal */
export const writing: readonly Role[] = ['developer', 'admin'];
/** @internal */
export const administering: readonly Role[] = ['admin'];
/** @internal */
export const invoking: readonly Role[] = ['developer', 'admin', 'invoker'];
/** @internal */
export const beingAgent: readonly Role[] = ['agent'];
/** Everybody but nodes. @internal */
export const beingKnown: readonly Role[] = ['viewer', 'developer', 'admin', 'invoker', 'metrics'];

const within: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ['viewer'],
  developer: ['viewer', 'developer', 'invoker'],
  admin: ['viewer', 'developer', 'admin', 'invoker', 'metrics'],
  agent: [],
  invoker: ['invoker'],
  metrics: ['metrics'],
};

/** Whether whoever has the one role may hand out the other. @internal */
export function holds(role: Role, other: Role): boolean {
  return within[role].includes(other);
}

/** The role of that name. @internal */
export function roleOf(name: string | null | undefined): Role | undefined {
  return roles.find((known) => known === name);
}
