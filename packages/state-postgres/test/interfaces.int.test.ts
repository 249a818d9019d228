import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InterfaceRepository, LiveUseRepository, type Database, type NewInterface } from '../src/index.ts';
import { backends } from './open-test-database.ts';

const resize = (changes: Partial<NewInterface> = {}): NewInterface => ({
  tenant: 'default',
  name: 'acme:img',
  version: '1.0.0',
  wit: 'package acme:img@1.0.0;',
  status: 'Approved',
  comparedWith: null,
  changes: [],
  createdBy: 'dev',
  ...changes,
});

describe.each(backends)('interfaces on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  let interfaces: InterfaceRepository;

  beforeAll(async () => {
    ({ database, close } = await open());
    interfaces = new InterfaceRepository(database);
  });
  afterAll(() => close());

  it('keeps a version as it was registered first', async () => {
    const { record, created } = await interfaces.insert(resize());
    expect(created).toBe(true);
    expect(record).toMatchObject({ ...resize(), decidedBy: null, decidedAt: null, reason: null, revision: 1 });
    expect(await interfaces.insert(resize())).toEqual({ record, created: false });
    await expect(interfaces.insert(resize({ wit: 'package acme:img@1.0.0; interface a {}' }))).rejects.toMatchObject({
      code: 'HS_INTERFACE_EXISTS',
    });
    expect(await interfaces.find('other', 'acme:img', '1.0.0')).toBeNull();
  });

  it('decides once, from where that is possible', async () => {
    await interfaces.insert(resize({ version: '1.1.0', status: 'PendingApproval', changes: [{ kind: 'breaking' }] }));
    const reject = { status: 'Rejected', from: ['PendingApproval'], by: 'root', reason: 'callers break' } as const;
    const decided = await interfaces.decide('default', 'acme:img', '1.1.0', reject);
    expect(decided).toMatchObject({ status: 'Rejected', decidedBy: 'root', reason: 'callers break', revision: 2 });
    await expect(interfaces.decide('default', 'acme:img', '1.1.0', reject)).rejects.toMatchObject({
      code: 'HS_INTERFACE_DECISION_REFUSED',
    });
    await expect(interfaces.decide('default', 'acme:img', '9.0.0', reject)).rejects.toMatchObject({
      code: 'HS_INTERFACE_NOT_FOUND',
    });
  });

  it('takes a rejected version back with another text', async () => {
    const { record, created } = await interfaces.insert(
      resize({ version: '1.1.0', wit: 'package acme:img@1.1.0; interface b {}' }),
    );
    expect(created).toBe(true);
    expect(record).toMatchObject({ status: 'Approved', decidedBy: null, reason: null, revision: 3 });
  });

  it('lists pages and versions', async () => {
    const { items, nextCursor } = await interfaces.list('default', { limit: 1 });
    expect(items.map(({ version }) => version)).toEqual(['1.1.0']);
    const rest = await interfaces.list('default', { limit: 1, cursor: nextCursor ?? '' });
    expect(rest.items.map(({ version }) => version)).toEqual(['1.0.0']);
    expect((await interfaces.list('default', { status: 'Rejected' })).items).toEqual([]);
    expect((await interfaces.versions('default', 'acme:img')).map(({ version }) => version)).toEqual([
      '1.0.0',
      '1.1.0',
    ]);
  });

  it('knows who says to depend on it', async () => {
    const shop = { name: 'acme:img', version: '1.0.0', consumer: 'shop', uses: ['resize#scale'], createdBy: 'dev' };
    await interfaces.putConsumer('default', shop);
    await interfaces.putConsumer('default', { ...shop, uses: ['resize'] });
    expect(await interfaces.consumers('default', ['acme:img', 'acme:none'])).toMatchObject([
      { ...shop, uses: ['resize'] },
    ]);
    expect(await interfaces.consumers('other', ['acme:img'])).toEqual([]);
    await interfaces.removeConsumer('default', 'acme:img', '1.0.0', 'shop');
    expect(await interfaces.consumers('default', ['acme:img'])).toEqual([]);
    await expect(interfaces.putConsumer('default', { ...shop, version: '7.0.0' })).rejects.toMatchObject({
      code: 'HS_INTERFACE_NOT_FOUND',
    });
  });

  it('remembers callers for a while', async () => {
    const use = new LiveUseRepository(database);
    const alice = { tenant: 'default', moduleName: 'greeter', functionName: 'greet', subject: 'alice' };
    await use.noteCallers([alice, { ...alice, functionName: 'odd \0 name' }]);
    await use.noteCallers([alice]);
    expect(await use.callers('default', 'greeter', 60_000)).toEqual([
      alice,
      { ...alice, functionName: 'odd \uFFFD name' },
    ]);
    expect(await use.callers('other', 'greeter', 60_000)).toEqual([]);
    await use.forgetCallers(0);
    expect(await use.callers('default', 'greeter', 60_000)).toEqual([]);
    expect(await use.liveModules('default', null)).toEqual([]);
    expect(await use.hosts('default', ['eu'])).toEqual([]);
  });
});
