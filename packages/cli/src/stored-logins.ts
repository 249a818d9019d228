import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

interface Login {
  readonly token: string;
  readonly expiresAt: string;
}
type Logins = Readonly<Record<string, Login>>;

/** Where sessions of this user are kept, readable by nobody else. */
function fileOf(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? homedir(), '.config'), 'hotswap', 'logins.json');
}

/** The session that `hotswap login` left for a server; `undefined` when there is none, or it has expired. @internal */
export async function storedToken(env: NodeJS.ProcessEnv, server: string): Promise<string | undefined> {
  const login = (await read(env))[keyOf(server)];
  return login !== undefined && Date.parse(login.expiresAt) > Date.now() ? login.token : undefined;
}

/** Keeps a session for later commands; `null` forgets it. @internal */
export async function storeLogin(env: NodeJS.ProcessEnv, server: string, login: Login | null): Promise<string> {
  const file = fileOf(env);
  const others = Object.entries(await read(env)).filter(([key]) => key !== keyOf(server));
  const kept = Object.fromEntries([...others, ...(login === null ? [] : [[keyOf(server), login] as const])]);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(kept), { mode: 0o600 });
  await rename(draft, file);
  return file;
}

async function read(env: NodeJS.ProcessEnv): Promise<Logins> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(fileOf(env), 'utf8'));
  } catch {
    return {};
  }
  // Somebody may have written it by hand: what is no login is left out, and a login replaces it.
  const entries = typeof content === 'object' && content !== null ? Object.entries(content) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, Login] => isLogin(entry[1])));
}

function isLogin(value: unknown): value is Login {
  const { token, expiresAt } = (value ?? {}) as Partial<Record<keyof Login, unknown>>;
  return typeof token === 'string' && typeof expiresAt === 'string';
}

const keyOf = (server: string): string => server.replace(/\/+$/, '');
