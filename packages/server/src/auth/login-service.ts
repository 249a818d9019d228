import { createHash } from 'node:crypto';
import type { UserRole } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';
import type { LoginFailures } from '../ports/login-failures.ts';
import type { UserRecord, Users } from '../ports/users.ts';
import { addressGroup } from './address-group.ts';
import { verifyPassword } from './password-hash.ts';
import type { SessionTokens } from './session-tokens.ts';

/** Attempts that may fail before each further one has to wait, twice as long each time. */
const freeByName = 5;
const freeByAddress = 30;

/** A session that has just begun. @internal */
export interface NewSession {
  readonly token: string;
  readonly expiresAt: number;
  readonly role: UserRole;
}

/** Lets people in who know their password. @internal */
export class LoginService {
  readonly #users: Users;
  readonly #failures: LoginFailures;
  readonly #tokens: SessionTokens;

  constructor(parts: { readonly users: Users; readonly failures: LoginFailures; readonly tokens: SessionTokens }) {
    this.#users = parts.users;
    this.#failures = parts.failures;
    this.#tokens = parts.tokens;
  }

  /**
   * Begins a session. Whoever is unknown, disabled or wrong about the password hears the same, after the same time.
   * @throws HS_AUTH_LOGIN_FAILED, HS_AUTH_LOGIN_BACK_OFF
   */
  async login(username: string, password: string, address: string): Promise<NewSession> {
    const user = await this.#check(username, password, address);
    await this.#users.noteLogin(user, address);
    const { token, expiresAt } = await this.#tokens.issue(user);
    return { token, expiresAt, role: user.role as UserRole };
  }

  /** Checks a password that somebody who is logged in gives once more, with the same patience. @throws as `login` */
  async confirm(username: string, password: string, address: string): Promise<UserRecord> {
    return this.#check(username, password, address);
  }

  async #check(username: string, password: string, address: string): Promise<UserRecord> {
    const name = username.normalize('NFKC').trim().toLowerCase();
    const nameHash = hashOf(`name:${name}`);
    const addressHash = hashOf(`address:${addressGroup(address)}`);
    const waitMs = await this.#failures.attempt([
      { hash: nameHash, free: freeByName },
      { hash: addressHash, free: freeByAddress },
    ]);
    if (waitMs > 0) throw serverError('HS_AUTH_LOGIN_BACK_OFF', { retryAfterSeconds: Math.ceil(waitMs / 1_000) });
    const user = await this.#users.findByName(name);
    const isRight = await verifyPassword(password, user?.passwordHash ?? null);
    if (user === null || !isRight || !user.isEnabled) {
      const why = user === null ? 'no such user' : isRight ? 'disabled' : 'wrong password';
      // What was typed as a name may be a password: only names that exist go on record.
      await this.#failures.record(user?.tenant ?? 'default', user?.username ?? 'unknown', address, why);
      throw serverError('HS_AUTH_LOGIN_FAILED');
    }
    await this.#failures.succeed(nameHash, addressHash);
    return user;
  }
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url');
