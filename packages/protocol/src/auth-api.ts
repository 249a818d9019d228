import { z } from 'zod';
import { positiveDurationSchema } from '@hotswap/core';
import { listQueryShape, type ListQuery } from './list-api.ts';
import { timestampSchema } from './wire-text.ts';

/** What somebody who logs in may be. @public */
export type UserRole = 'viewer' | 'developer' | 'admin';

/** What a key may be: further roles may only call functions, or only read metrics. @public */
export type ApiKeyRole = UserRole | 'invoker' | 'metrics';

/** Which quota holds. @public */
export type Tier = 'free' | 'basic' | 'pro';

/** Every tier, the smallest first. @public */
export const tiers: readonly Tier[] = ['free', 'basic', 'pro'];

/** @public */
export interface LoginRequest {
  readonly username: string;
  readonly password: string;
}

/** Answer to a login. Browsers get the token as a cookie as well. @public */
export interface LoginAnswer {
  readonly token: string;
  readonly expiresAt: string;
  readonly role: UserRole;
}

/** @public */
export interface LogoutRequest {
  /** Ends every session of the user. Default `false`: this one. */
  readonly everywhere?: boolean;
}

/** Whoever sent the request. @public */
export interface WhoAmI {
  /** As journals and the audit chain name it. */
  readonly subject: string;
  readonly role: string;
  readonly tenant: string;
  /** `session`: logged in here. `key`: an API key. `token`: a credential of the installation. `provider`: an identity provider. */
  readonly kind: 'session' | 'key' | 'token' | 'provider';
  /** `null`: no quota of a tier holds. */
  readonly tier: Tier | null;
  /** `null`: until it is revoked. */
  readonly expiresAt: string | null;
}

/** @public */
export interface ChangePasswordRequest {
  readonly currentPassword: string;
  readonly newPassword: string;
}

/** Somebody who logs in. @public */
export interface UserView {
  readonly userId: string;
  readonly username: string;
  readonly role: UserRole;
  readonly tenant: string;
  /** `null`: no quota of a tier holds. */
  readonly tier: Tier | null;
  readonly isEnabled: boolean;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly lastLoginAt: string | null;
}

/** @public */
export interface CreateUserRequest {
  /** Letters, digits and `._@+-`; kept in lower case. */
  readonly username: string;
  /** 12-256 characters. */
  readonly password: string;
  readonly role: UserRole;
  /** Default `null`: no quota of a tier holds. */
  readonly tier?: Tier | null;
  /** Default: the caller's. Another one only by an admin of `default`. */
  readonly tenant?: string;
}

/** What is to become different. Whoever's role, password or state changes has to log in again. @public */
export interface UpdateUserRequest {
  readonly role?: UserRole;
  readonly tier?: Tier | null;
  readonly isEnabled?: boolean;
  readonly password?: string;
}

/** @public */
export interface UserList {
  readonly users: readonly UserView[];
  readonly nextCursor: string | null;
}

/** A key of a program, without its secret. @public */
export interface ApiKeyView {
  readonly keyId: string;
  readonly name: string;
  /** Acts with the key are this one's. */
  readonly owner: string;
  readonly role: ApiKeyRole;
  readonly tier: Tier;
  readonly tenant: string;
  readonly createdAt: string;
  /** `null`: until it is deleted. */
  readonly expiresAt: string | null;
  /** To the hour. */
  readonly lastUsedAt: string | null;
}

/** @public */
export interface CreateApiKeyRequest {
  /** For people. */
  readonly name: string;
  /** Not above the caller's own. */
  readonly role: ApiKeyRole;
  /** Not above the caller's own. Default: the caller's own, or `free`. */
  readonly tier?: Tier;
  /** ISO-8601, at most P3650D. Absent: until it is deleted. */
  readonly expiresIn?: string;
  /** Default: the caller's. Another one only by an admin of `default`. */
  readonly tenant?: string;
}

/** A key that was just made; `key` is shown this once. @public */
export interface CreatedApiKey extends ApiKeyView {
  readonly key: string;
}

/** @public */
export interface ApiKeyList {
  readonly keys: readonly ApiKeyView[];
  readonly nextCursor: string | null;
}

const userRole = z.enum(['viewer', 'developer', 'admin']);
const keyRole = z.enum(['viewer', 'developer', 'admin', 'invoker', 'metrics']);
const tier = z.enum(['free', 'basic', 'pro']);
const tenant = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1-63 lower-case letters, digits and -');
/** At a login anything is taken: what is no user fails like a wrong password. */
const anyText = z.string().min(1).max(1_024);
const newPassword = z.string().min(12, 'must have at least 12 characters').max(256);
const username = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._@+-]{0,99}$/, 'must be 1-100 letters, digits and ._@+-, and begin with a letter or digit');

/** @see {@link LoginRequest} @public */
export const loginSchema: z.ZodType<LoginRequest, unknown> = z
  .strictObject({ username: anyText, password: anyText })
  .meta({ id: 'Login' });

/** @see {@link LoginAnswer} @public */
export const loginAnswerSchema: z.ZodType<LoginAnswer> = z
  .object({ token: z.string(), expiresAt: timestampSchema, role: userRole })
  .meta({ id: 'LoginAnswer' });

/** @see {@link LogoutRequest} @public */
export const logoutSchema: z.ZodType<LogoutRequest, unknown> = z
  .strictObject({ everywhere: z.boolean().exactOptional() })
  .meta({ id: 'Logout' });

/** @see {@link WhoAmI} @public */
export const whoAmISchema: z.ZodType<WhoAmI> = z
  .object({
    subject: z.string(),
    role: z.string(),
    tenant: z.string(),
    kind: z.enum(['session', 'key', 'token', 'provider']),
    tier: tier.nullable(),
    expiresAt: timestampSchema.nullable(),
  })
  .meta({ id: 'WhoAmI' });

/** @see {@link ChangePasswordRequest} @public */
export const changePasswordSchema: z.ZodType<ChangePasswordRequest, unknown> = z
  .strictObject({ currentPassword: anyText, newPassword })
  .meta({ id: 'ChangePassword' });

/** @see {@link UserView} @public */
export const userViewSchema: z.ZodType<UserView> = z
  .object({
    userId: z.string(),
    username: z.string(),
    role: userRole,
    tenant: z.string(),
    tier: tier.nullable(),
    isEnabled: z.boolean(),
    createdBy: z.string(),
    createdAt: timestampSchema,
    lastLoginAt: timestampSchema.nullable(),
  })
  .meta({ id: 'User' });

/** @see {@link CreateUserRequest} @public */
export const createUserSchema: z.ZodType<CreateUserRequest, unknown> = z
  .strictObject({
    username,
    password: newPassword,
    role: userRole,
    tier: tier.nullable().exactOptional(),
    tenant: tenant.exactOptional(),
  })
  .meta({ id: 'CreateUser' });

/** @see {@link UpdateUserRequest} @public */
export const updateUserSchema: z.ZodType<UpdateUserRequest, unknown> = z
  .strictObject({
    role: userRole.exactOptional(),
    tier: tier.nullable().exactOptional(),
    isEnabled: z.boolean().exactOptional(),
    password: newPassword.exactOptional(),
  })
  .meta({ id: 'UpdateUser' });

/** @see {@link UserList} @public */
export const userListSchema: z.ZodType<UserList> = z
  .object({ users: z.array(userViewSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'UserList' });

const apiKeyShape = {
  keyId: z.string(),
  name: z.string(),
  owner: z.string(),
  role: keyRole,
  tier,
  tenant: z.string(),
  createdAt: timestampSchema,
  expiresAt: timestampSchema.nullable(),
  lastUsedAt: timestampSchema.nullable(),
};

/** @see {@link CreateApiKeyRequest} @public */
export const createApiKeySchema: z.ZodType<CreateApiKeyRequest, unknown> = z
  .strictObject({
    name: z.string().trim().min(1).max(100),
    role: keyRole,
    tier: tier.exactOptional(),
    expiresIn: positiveDurationSchema.exactOptional(),
    tenant: tenant.exactOptional(),
  })
  .meta({ id: 'CreateApiKey' });

/** @see {@link CreatedApiKey} @public */
export const createdApiKeySchema: z.ZodType<CreatedApiKey> = z
  .object({ ...apiKeyShape, key: z.string() })
  .meta({ id: 'CreatedApiKey' });

/** @see {@link ApiKeyView} @public */
export const apiKeyViewSchema: z.ZodType<ApiKeyView> = z.object(apiKeyShape).meta({ id: 'ApiKey' });

/** @see {@link ApiKeyList} @public */
export const apiKeyListSchema: z.ZodType<ApiKeyList> = z
  .object({ keys: z.array(apiKeyViewSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'ApiKeyList' });

/** Query of the lists of users and keys. @public */
export const accessListQuerySchema: z.ZodType<{ limit?: number | undefined; cursor?: string | undefined }, unknown> =
  z.strictObject(listQueryShape);

/** @public */
export type AccessListQuery = ListQuery;
