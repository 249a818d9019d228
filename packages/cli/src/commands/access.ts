import { Option, type Command } from 'commander';
import type {
  AccessListQuery,
  ApiKeyRole,
  ApiKeyView,
  CreateApiKeyRequest,
  CreateUserRequest,
  Tier,
  UpdateUserRequest,
  UserList,
  UserRole,
  UserView,
} from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { addPageOptions, showPage } from '../list-pages.ts';
import { fields, table } from '../output/table.ts';
import { readPassword } from '../read-password.ts';
import { storeLogin } from '../stored-logins.ts';

const userRoles = ['viewer', 'developer', 'admin'];
const tierNames = ['free', 'basic', 'pro'];

/** `login`, `logout`, `whoami`, `keys` and `users`: who may do what. @internal */
export function addAccessCommands(program: Command, sessionOf: SessionOf): void {
  addSessionCommands(program, sessionOf);
  addKeyCommands(program, sessionOf);
  addUserCommands(program, sessionOf);
}

function addSessionCommands(program: Command, sessionOf: SessionOf): void {
  program
    .command('login')
    .description('log in; the password comes from HOTSWAP_PASSWORD, a pipe or the keyboard')
    .argument('<username>')
    .action(async (username: string) => {
      const session = sessionOf();
      const client = await session.client();
      const password = await readPassword(session.env, 'HOTSWAP_PASSWORD', 'Password: ');
      const login = await client.auth.login({ username, password }, { signal: session.signal });
      await storeLogin(session.env, await session.server(), login);
      session.terminal.result(
        { role: login.role, expiresAt: login.expiresAt },
        ({ role, expiresAt }) => `${username} is logged in as ${role} until ${expiresAt}`,
      );
    });
  program
    .command('logout')
    .description('end the session')
    .option('--everywhere', 'end all sessions of the user')
    .action(async (options: { readonly everywhere?: true }) => {
      const session = sessionOf();
      await (await session.client()).auth.logout(options);
      // The session that ended was another one: what `login` left goes on, and would not be ended by forgetting it.
      if (!session.isTokenGiven) await storeLogin(session.env, await session.server(), null);
      session.terminal.result({ loggedOut: true }, () => 'logged out');
    });
  program
    .command('whoami')
    .description('show who the server takes you for')
    .action(async () => {
      const session = sessionOf();
      session.terminal.result(
        await (await session.client()).auth.me(),
        ({ subject, role, tenant, kind, tier, expiresAt }) =>
          fields([
            ['subject', subject],
            ['role', role],
            ['tenant', tenant],
            ['by', kind],
            ['tier', tier ?? undefined],
            ['until', expiresAt ?? undefined],
          ]),
        ({ subject }) => subject,
      );
    });
}

function addKeyCommands(program: Command, sessionOf: SessionOf): void {
  const keys = program.command('keys').description('keys of programs: your own; administrators see all');
  keys
    .command('create')
    .description('make a key, which is shown this once')
    .argument('<name>', 'what it is for')
    .addOption(new Option('--role <role>').choices([...userRoles, 'invoker', 'metrics']).default('invoker'))
    .addOption(new Option('--tier <tier>', 'default: your own, or free').choices(tierNames))
    .option('--expires-in <duration>', 'e.g. P90D; default: until it is deleted')
    .option('--tenant <tenant>', 'for another tenant, by administrators of the installation')
    .action(
      async (
        name: string,
        options: {
          readonly role: ApiKeyRole;
          readonly tier?: Tier;
          readonly expiresIn?: string;
          readonly tenant?: string;
        },
      ) => {
        const session = sessionOf();
        const request: CreateApiKeyRequest = { name, ...options };
        const made = await (await session.client()).auth.keys.create(request);
        session.terminal.result(
          made,
          ({ key, keyId, role, tier }) => `${key}\n(shown once; ${keyId}, ${role}, tier ${tier})`,
          ({ key }) => key,
        );
      },
    );
  addPageOptions(keys.command('list', { isDefault: true }).description('list keys')).action(
    async (query: AccessListQuery) => {
      const session = sessionOf();
      const page = await (await session.client()).auth.keys.list(query);
      showPage(
        session,
        page,
        (view) => keysText(view.keys),
        (view) => view.keys.map(({ keyId }) => keyId),
      );
    },
  );
  keys
    .command('delete')
    .description('end a key')
    .argument('<keyId>')
    .action(async (keyId: string) => {
      const session = sessionOf();
      await (await session.client()).auth.keys.delete(keyId);
      session.terminal.result(
        { keyId },
        () => `${keyId} is no key any more`,
        () => keyId,
      );
    });
}

function addUserCommands(program: Command, sessionOf: SessionOf): void {
  const users = program.command('users').description('people who log in; for administrators');
  users
    .command('create')
    .description('make a user; the password comes from HOTSWAP_NEW_PASSWORD, a pipe or the keyboard')
    .argument('<username>')
    .addOption(new Option('--role <role>').choices(userRoles).default('developer'))
    .addOption(new Option('--tier <tier>', 'default: no quota of a tier').choices(tierNames))
    .option('--tenant <tenant>', 'of another tenant, by administrators of the installation')
    .action(
      async (
        username: string,
        options: { readonly role: UserRole; readonly tier?: Tier; readonly tenant?: string },
      ) => {
        const session = sessionOf();
        const client = await session.client();
        const password = await readPassword(session.env, 'HOTSWAP_NEW_PASSWORD', `Password of ${username}: `);
        const request: CreateUserRequest = { username, password, ...options };
        const user = await client.auth.users.create(request);
        session.terminal.result(user, (view) => `${view.username} is a ${view.role} (${view.userId})`, userIdOf);
      },
    );
  addPageOptions(users.command('list', { isDefault: true }).description('list users')).action(
    async (query: AccessListQuery) => {
      const session = sessionOf();
      const page = await (await session.client()).auth.users.list(query);
      showPage(session, page, ({ users: rows }) => usersText(rows), userIdsOf);
    },
  );
  users
    .command('update')
    .description('change what a user may do; sessions of the user end')
    .argument('<userId>')
    .addOption(new Option('--role <role>').choices(userRoles))
    .addOption(new Option('--tier <tier>', 'none: no quota').choices([...tierNames, 'none']))
    .addOption(new Option('--enable', 'let the user in again').conflicts('disable'))
    .option('--disable', 'let the user in no longer')
    .action(
      async (
        userId: string,
        options: {
          readonly role?: UserRole;
          readonly tier?: Tier | 'none';
          readonly enable?: true;
          readonly disable?: true;
        },
      ) => {
        const session = sessionOf();
        const request: UpdateUserRequest = {
          ...(options.role === undefined ? {} : { role: options.role }),
          ...(options.tier === undefined ? {} : { tier: options.tier === 'none' ? null : options.tier }),
          ...(options.enable === true ? { isEnabled: true } : options.disable === true ? { isEnabled: false } : {}),
        };
        const user = await (await session.client()).auth.users.update(userId, request);
        session.terminal.result(user, (view) => usersText([view]), userIdOf);
      },
    );
}

const userIdOf = ({ userId }: UserView): string => userId;
const userIdsOf = (list: UserList): readonly string[] => list.users.map(userIdOf);

function keysText(keys: readonly ApiKeyView[]): string {
  return table(
    ['KEY', 'NAME', 'OWNER', 'ROLE', 'TIER', 'EXPIRES', 'LAST USED'],
    keys.map((key) => [
      key.keyId,
      key.name,
      key.owner,
      key.role,
      key.tier,
      key.expiresAt ?? '-',
      key.lastUsedAt ?? '-',
    ]),
  );
}

function usersText(users: readonly UserView[]): string {
  return table(
    ['USER', 'NAME', 'ROLE', 'TIER', 'STATE', 'LAST LOGIN'],
    users.map((user) => [
      user.userId,
      user.username,
      user.role,
      user.tier ?? '-',
      user.isEnabled ? 'enabled' : 'disabled',
      user.lastLoginAt ?? '-',
    ]),
  );
}
