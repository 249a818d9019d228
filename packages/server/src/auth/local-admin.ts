import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerConfig } from '../config/schema.ts';
import { serverError } from '../error-codes.ts';
import type { Credentials } from '../ports/credentials.ts';

/** File in the data directory by which the command line finds a development server. @internal */
export const localAdminFile = 'local-admin.json';
/** File that decides which token is that of a data directory, whoever comes first. */
const localTokenFile = 'local-admin.token';

/** What a first administrator gets. @internal */
export interface LocalAdmin {
  readonly token: string;
  /** Shown to whoever starts the server, once; absent when there is nothing new to say. */
  readonly announcement?: string;
}

/**
 * Makes sure that somebody can administer the server. In Development a credential of its own lies in the data directory,
 * for this user alone: servers of one directory share it, and those of other directories on the same database keep theirs.
 * Elsewhere the token comes from a file, or is made and shown at the very first start. No default
 * password exists.
 * @returns `null` when administrators exist and nothing is to be done
 * @internal
 */
export async function ensureAdmin(config: ServerConfig, credentials: Credentials): Promise<LocalAdmin | null> {
  const put = (token: string, credentialId = 'local-admin'): Promise<unknown> =>
    credentials.put({ tenant: 'default', credentialId, subject: 'local-admin', role: 'admin' }, token);
  if (config.environment === 'Development') {
    const token = (await readLocalAdmin(config.dataDir)) ?? (await claimToken(config.dataDir));
    await put(token, `local-admin-${createHash('sha256').update(token).digest('hex').slice(0, 12)}`);
    return { token };
  }
  if (config.adminTokenFile !== undefined) {
    const token = (await readFile(config.adminTokenFile, 'utf8')).trim();
    if (token.length < 32)
      throw serverError('HS_CONFIG_INVALID', { why: 'the admin token file must hold at least 32 characters' });
    await put(token);
    return { token };
  }
  if ((await credentials.list('default')).some((credential) => credential.role === 'admin')) return null;
  const token = newToken();
  await put(token);
  return { token, announcement: `First start: the administrator's token is ${token} (it is not shown again)` };
}

/** Leaves the server's address and the credential where the command line looks for them; readable by this user alone. @internal */
export async function writeLocalAdmin(
  dataDir: string,
  content: { readonly url: string; readonly token: string },
): Promise<string> {
  const file = join(dataDir, localAdminFile);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify({ ...content, pid: process.pid }), { mode: 0o600 });
  await rename(draft, file);
  return file;
}

/** Whoever is first makes the token of a data directory; all others get the same. */
async function claimToken(dataDir: string): Promise<string> {
  const file = join(dataDir, localTokenFile);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, newToken(), { mode: 0o600 });
  try {
    // A link is there whole or not at all, and never replaces what is there.
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft);
  }
  return readFile(file, 'utf8');
}

async function readLocalAdmin(dataDir: string): Promise<string | null> {
  try {
    const { token } = JSON.parse(await readFile(join(dataDir, localAdminFile), 'utf8')) as { token?: unknown };
    return typeof token === 'string' && token.length >= 32 ? token : null;
  } catch {
    return null;
  }
}

const newToken = (): string => `hs_${randomBytes(32).toString('base64url')}`;
