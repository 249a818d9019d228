import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  actAs,
  ApiKeyRepository,
  AuditRepository,
  DayQuotaRepository,
  LoginFailureRepository,
  UserRepository,
  type ChangeHint,
  type Database,
} from '../src/index.ts';
import { backends } from './open-test-database.ts';

describe.each(backends)('access on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  const user = (username: string, tenant = 'default') => ({
    ...{ tenant, userId: `user-${username}`, username, role: 'developer', tier: null },
    ...{ passwordHash: 'scrypt$secret', createdBy: 'admin' },
  });

  describe('users', () => {
    it('have names that are unique over all tenants', async () => {
      const users = new UserRepository(database);
      expect(await users.create(user('ada'))).toMatchObject({ username: 'ada', isEnabled: true, sessionEpoch: 0 });
      await expect(users.create({ ...user('ada', 'other'), userId: 'second' })).rejects.toMatchObject({
        code: 'HS_AUTH_USER_EXISTS',
      });
      expect(await users.findByName('ada')).toMatchObject({ tenant: 'default', userId: 'user-ada' });
      expect(await users.find('other', 'user-ada')).toBeNull();
    });

    it('lose their sessions when they may do something else, and every server hears of it', async () => {
      const users = new UserRepository(database);
      const hints: ChangeHint[] = [];
      const stop = database.changes.subscribe((hint) => hints.push(hint));
      const made = await users.create(user('grace'));
      const changed = await users.change('default', made.userId, 0, { role: 'admin', tier: 'pro' });
      expect(changed).toMatchObject({ role: 'admin', tier: 'pro', sessionEpoch: 1, revision: 1 });
      expect(await users.change('default', made.userId, 0, { role: 'viewer' })).toBeNull();
      expect(await users.change('default', made.userId, 1, { role: 'admin' })).toMatchObject({ sessionEpoch: 1 });
      expect(await users.change('other', made.userId, 2, { role: 'viewer' })).toBeNull();
      await expect.poll(() => hints.filter(({ topic }) => topic === 'access').length).toBeGreaterThan(0);
      stop();
    });

    it('end one session or all', async () => {
      const users = new UserRepository(database);
      const made = await users.create(user('linus'));
      expect(await users.findSession(made.userId, 's1')).toMatchObject({ isEnded: false });
      await users.endSession('s1', Date.now() + 60_000, made);
      await users.endSession('s1', Date.now() + 60_000, made);
      expect(await users.findSession(made.userId, 's1')).toMatchObject({ isEnded: true, sessionEpoch: 0 });
      expect(await users.findSession(made.userId, 's2')).toMatchObject({ isEnded: false });
      await users.endSessions('default', made.userId);
      expect(await users.findSession(made.userId, 's2')).toMatchObject({ sessionEpoch: 1 });
      await users.endSession('long-ago', Date.now() - 600_000, made);
      expect(await users.forgetSessions()).toBe(1);
    });

    it('are on record with what was done to them, without anything secret', async () => {
      const users = new UserRepository(database);
      await actAs({ actor: 'root', role: 'admin', requestId: 'r1' }, async () => {
        const made = await users.create(user('barbara'));
        await users.change('default', made.userId, 0, { passwordHash: 'scrypt$other' });
        await users.noteLogin(made, '10.0.0.1');
      });
      const acts = await new AuditRepository(database).list('default', { limit: 1_000 });
      const told = acts.filter(({ object }) => object.includes('barbara'));
      expect(told.map(({ action, actor, facts }) => [action, actor, facts])).toEqual([
        ['user.create', 'root', { role: 'developer', tier: null }],
        ['user.change', 'root', { password: 'changed' }],
        ['auth.login', 'barbara', { address: '10.0.0.1' }],
      ]);
      expect(JSON.stringify(acts)).not.toContain('scrypt');
    });

    it('come in pages', async () => {
      const users = new UserRepository(database);
      for (const name of ['p1', 'p2', 'p3']) await users.create(user(name, 'paged'));
      const first = await users.list('paged', { limit: 2 });
      expect(first.items.map(({ username }) => username)).toEqual(['p1', 'p2']);
      const second = await users.list('paged', { limit: 2, cursor: first.nextCursor ?? '' });
      expect([second.items.map(({ username }) => username), second.nextCursor]).toEqual([['p3'], null]);
    });
  });

  describe('keys', () => {
    const key = (keyId: string, changes: object = {}) => ({
      ...{ tenant: 'default', keyId, name: 'ci', owner: 'ada', role: 'invoker', tier: 'free', secretHash: 'hmac' },
      ...changes,
    });

    it('are found until they expire or are revoked, with what their owner may do now', async () => {
      const keys = new ApiKeyRepository(database);
      const users = new UserRepository(database);
      await keys.create(key('k1'));
      expect(await keys.find('k1')).toMatchObject({ ownerRole: 'developer', isOwnerEnabled: true, expiresAt: null });
      const { revision, userId } = (await users.findByName('ada')) ?? { revision: 0, userId: '' };
      await users.change('default', userId, revision, { isEnabled: false });
      expect(await keys.find('k1')).toMatchObject({ isOwnerEnabled: false });
      await keys.create(key('k2', { owner: 'local-admin', expiresInMs: -1 }));
      expect(await keys.find('k2')).toBeNull();
      await keys.create(key('k3', { owner: 'local-admin', expiresInMs: 60_000 }));
      expect(await keys.find('k3')).toMatchObject({ ownerRole: null, isOwnerEnabled: true });
      expect(await keys.revoke('other', 'k3', null)).toBe(false);
      expect(await keys.revoke('default', 'k3', 'ada')).toBe(false);
      expect(await keys.revoke('default', 'k3', 'local-admin')).toBe(true);
      expect(await keys.revoke('default', 'k3', null)).toBe(false);
      expect(await keys.find('k3')).toBeNull();
    });

    it('of another tenant than their owner end with the owner all the same', async () => {
      const [keys, users] = [new ApiKeyRepository(database), new UserRepository(database)];
      const { userId } = await users.create({ ...user('root'), role: 'admin' });
      await keys.create(key('k4', { tenant: 'elsewhere', owner: 'root', role: 'admin' }));
      expect(await keys.find('k4')).toMatchObject({ ownerRole: 'admin', isOwnerEnabled: true });
      await users.change('default', userId, 0, { role: 'viewer', isEnabled: false });
      expect(await keys.find('k4')).toMatchObject({ ownerRole: 'viewer', isOwnerEnabled: false });
    });

    it('are listed by owner or tenant, and remember the hour of their last use', async () => {
      const keys = new ApiKeyRepository(database);
      await keys.create(key('l1', { tenant: 'lists', owner: 'one' }));
      await keys.create(key('l2', { tenant: 'lists', owner: 'two' }));
      const ids = async (owner: string | null) =>
        (await keys.list('lists', owner)).items.map(({ keyId, lastUsedAt }) => [keyId, lastUsedAt !== null]);
      await keys.touch('l2');
      expect(await ids(null)).toEqual([
        ['l1', false],
        ['l2', true],
      ]);
      expect(await ids('two')).toEqual([['l2', true]]);
    });
  });

  describe('failed logins', () => {
    const subject = (hash: string, free = 3) => ({ hash, free });

    it('are free at first, then each further one has to wait', async () => {
      const failures = new LoginFailureRepository(database);
      const attempt = () => failures.attempt([subject('name-1'), subject('address-1', 20)]);
      expect([await attempt(), await attempt(), await attempt()]).toEqual([0, 0, 0]);
      expect(await attempt()).toBeGreaterThan(0);
      expect(await failures.attempt([subject('name-2'), subject('address-1', 20)])).toBe(0);
      await failures.succeed('name-1', 'address-1');
      expect(await attempt()).toBe(0);
    });

    it('are counted before they have failed, so that many at once are not free', async () => {
      const failures = new LoginFailureRepository(database);
      const waits = await Promise.all(
        Array.from({ length: 30 }, () => failures.attempt([subject('storm'), subject('storm-address', 20)])),
      );
      expect(waits.filter((ms) => ms === 0)).toHaveLength(3);
    });

    it('of an address hold back every name', async () => {
      const failures = new LoginFailureRepository(database);
      for (let n = 0; n < 4; n++) await failures.attempt([subject(`n-${n}`), subject('one-address', 4)]);
      expect(await failures.attempt([subject('n-new'), subject('one-address', 4)])).toBeGreaterThan(0);
    });
  });

  describe('day quotas', () => {
    it('are given out until they are used up, never beyond, however many ask at once', async () => {
      const quotas = new DayQuotaRepository(database);
      const grants = await Promise.all(Array.from({ length: 30 }, () => quotas.take('default', 'ada', 4, 50)));
      expect(grants.reduce((sum, { granted }) => sum + granted, 0)).toBe(50);
      expect(grants.at(-1)?.resetMs).toBeGreaterThan(0);
      expect(grants.at(-1)?.resetMs).toBeLessThanOrEqual(86_400_000);
      expect((await quotas.take('default', 'ada', 4, 50)).granted).toBe(0);
      expect((await quotas.take('other', 'ada', 4, 50)).granted).toBe(4);
      const day = grants[0]?.day ?? '';
      await quotas.giveBack('default', 'ada', day, 3);
      expect(await quotas.take('default', 'ada', 10, 50)).toMatchObject({ granted: 3, used: 50 });
      expect((await quotas.take('default', 'ada', 10, 40)).granted).toBe(0);
    });
  });
});
