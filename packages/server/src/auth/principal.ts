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
