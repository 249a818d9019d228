import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { serverError } from '../error-codes.ts';

/** 32 MiB and some tens of milliseconds for each guess; the figures stand in each hash, so that they can rise. */
const cost = { N: 32_768, r: 8, p: 1 } as const;
const keyBytes = 32;
const saltBytes = 16;
/** Of the four threads that file system and names need as well. */
const atOnce = 2;
const mayWait = 50;

let running = 0;
const waiting: (() => void)[] = [];

/** Hash of a password, with its salt. @throws HS_API_UNAVAILABLE @internal */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const { N, r, p } = cost;
  const hash = await derive(password, salt, { N, r, p });
  return ['scrypt', N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/**
 * Whether the password is the hashed one. Without a hash it takes just as long and says no, so that nobody can tell by
 * the time whether a user exists.
 * @throws HS_API_UNAVAILABLE when too many are waiting
 * @internal
 */
export async function verifyPassword(password: string, stored: string | null): Promise<boolean> {
  const [kind, N, r, p, salt, hash] = (stored ?? nobodysHash).split('$');
  const expected = Buffer.from(hash ?? '', 'base64url');
  const options = { N: Number(N), r: Number(r), p: Number(p) };
  const actual = await derive(password, Buffer.from(salt ?? '', 'base64url'), options);
  const isSame = expected.byteLength === actual.byteLength && timingSafeEqual(expected, actual);
  return isSame && kind === 'scrypt' && stored !== null;
}

const nobodysHash = ['scrypt', cost.N, cost.r, cost.p, 'A'.repeat(22), 'A'.repeat(43)].join('$');

async function derive(password: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  await takeTurn();
  try {
    return await new Promise((resolve, reject) => {
      // Characters that look and type the same on two keyboards have to be the same password.
      scrypt(password.normalize('NFKC'), salt, keyBytes, { ...options, maxmem: 134_217_728 }, (error, key) => {
        if (error) reject(error);
        else resolve(key);
      });
    });
  } finally {
    running--;
    waiting.shift()?.();
  }
}

async function takeTurn(): Promise<void> {
  if (running >= atOnce) {
    if (waiting.length >= mayWait) throw serverError('HS_API_UNAVAILABLE', { state: 'busy with other logins' });
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running++;
}
