import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyActs, type AuditAct } from '@hotswap/core';
import { actAs, AuditRepository, NodeRepository, type Database } from '../src/index.ts';
import { backends } from './open-test-database.ts';
import { Scene } from './scene.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const ann = { actor: 'ann', role: 'admin', requestId: 'r-1' };

describe.each(backends)('acts on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => ({ database, close } = await open()));
  afterAll(() => close());

  const actsOf = (tenant: string): Promise<readonly AuditAct[]> =>
    new AuditRepository(database).list(tenant, { limit: 1_000 });

  it('are written with the change, in the name of whoever it is done for', async () => {
    const { tenant, nodes } = new Scene(database);
    const { token } = await actAs(ann, () =>
      nodes.createJoinToken({ tenant, uses: 3, expiresInMs: 60_000, regions: null, createdBy: 'ann' }),
    );
    expect(token).toMatch(/^hsj_/);
    expect(await actsOf(tenant)).toEqual([
      expect.objectContaining({
        ...ann,
        seq: 0,
        action: 'joinToken.create',
        object: 'join-token',
        facts: { uses: 3, regions: null },
      }),
    ]);
    expect(await new AuditRepository(database).head(tenant)).toEqual({
      seq: 0,
      hash: (await actsOf(tenant))[0]?.hash,
    });
  });

  it('are gone with a change that is taken back, and stay away from one that changes nothing', async () => {
    const { tenant } = new Scene(database);
    const nodes = new NodeRepository(database);
    await expect(nodes.delete(tenant, 'nobody')).rejects.toMatchObject({ code: 'HS_NODE_NOT_FOUND' });
    await expect(nodes.update(tenant, 'nobody', { isEnabled: false })).rejects.toMatchObject({
      code: 'HS_NODE_NOT_FOUND',
    });
    expect(await actsOf(tenant)).toEqual([]);
  });

  it('stand in one chain without gaps when many write at once', async () => {
    const { tenant, nodes } = new Scene(database);
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        actAs({ ...ann, requestId: `r-${n}` }, () =>
          nodes.createJoinToken({
            tenant,
            uses: n + 1,
            expiresInMs: 60_000,
            regions: ['é\u{1F600}'],
            createdBy: 'ann',
          }),
        ),
      ),
    );
    const acts = await actsOf(tenant);
    expect(acts).toHaveLength(40);
    expect(verifyActs(acts, sha256)).toEqual(await new AuditRepository(database).head(tenant));
    expect(new Set(acts.map(({ requestId }) => requestId)).size).toBe(40);
  });

  it('block the change when they cannot be written', async () => {
    const { tenant, nodes } = new Scene(database);
    await database.execute("alter table audit_acts add constraint full_disk check (tenant <> '" + tenant + "')");
    await expect(
      nodes.createJoinToken({ tenant, uses: 1, expiresInMs: 60_000, regions: null, createdBy: 'ann' }),
    ).rejects.toMatchObject({ code: 'HS_STORE_QUERY_FAILED' });
    await database.execute('alter table audit_acts drop constraint full_disk');
    expect(await database.query('select 1 from join_tokens where tenant = $1', [tenant])).toEqual([]);
  });
});
