import assert from 'node:assert/strict';
import { noPolicy, policyChanges, type Policy, type StoredPolicy } from '@hotswap/core';
import { defineSuite, type Clauses, type SuiteOptions } from '../define-suite.ts';
import type { PolicyStoreRig } from './policy-store-rig.ts';

const tenant = 'default';

const everything: Policy = {
  approvals: {
    '*': { required: 1, allowAuthor: true, validFor: 'PT24H' },
    Production: { required: 2, approvers: { users: ['ada', 'grace', 'idp:Linus'], roles: ['admin'] } },
  },
  changeWindows: {
    Production: [{ timeZone: 'Europe/Berlin', days: ['mon', 'tue'], from: '22:00', to: '24:00' }],
  },
  freezes: [
    {
      from: '2026-12-20T00:00:00.000Z',
      until: '2027-01-04T00:00:00Z',
      reason: 'Jahreswechsel \u{1F384} "quoted"\n',
      environments: ['Production'],
    },
  ],
};
const smaller: Policy = { ...noPolicy, approvals: { Staging: { required: 3 } } };

const put = (
  { store }: Pick<PolicyStoreRig, 'store'>,
  revision: number,
  policy: Policy,
  of = tenant,
): Promise<StoredPolicy | null> => store.replace(of, revision, policy, policyChanges(noPolicy, policy));

const clauses: Clauses<PolicyStoreRig> = {
  async 'has none until one is set, and then that one as it was'(rig) {
    assert.equal(await rig.store.find(tenant), null);
    assert.deepEqual(await put(rig, 0, everything), { revision: 1, policy: everything });
    assert.deepEqual(await rig.store.find(tenant), { revision: 1, policy: everything });
  },

  async 'replaces the whole of it, one revision after the other'(rig) {
    await put(rig, 0, everything);
    assert.deepEqual(await put(rig, 1, smaller), { revision: 2, policy: smaller });
    assert.deepEqual(await put(rig, 2, noPolicy), { revision: 3, policy: noPolicy });
    assert.deepEqual(await rig.store.find(tenant), { revision: 3, policy: noPolicy });
  },

  async 'changes nothing for whoever has not seen the latest'(rig) {
    assert.equal(await put(rig, 4, everything), null);
    assert.equal(await rig.store.find(tenant), null);
    await put(rig, 0, everything);
    for (const revision of [0, 2]) assert.equal(await put(rig, revision, smaller), null);
    assert.deepEqual(await rig.store.find(tenant), { revision: 1, policy: everything });
  },

  async 'keeps one for each tenant'(rig) {
    await put(rig, 0, everything);
    assert.equal(await rig.store.find('acme'), null);
    assert.deepEqual(await put(rig, 0, smaller, 'acme'), { revision: 1, policy: smaller });
    assert.deepEqual(await rig.store.find(tenant), { revision: 1, policy: everything });
  },

  async 'is the same for two servers'(rig) {
    await put(rig, 0, everything);
    assert.deepEqual(await rig.other.find(tenant), { revision: 1, policy: everything });
    await put({ store: rig.other }, 1, smaller);
    assert.deepEqual(await rig.store.find(tenant), { revision: 2, policy: smaller });
  },

  async 'lets one of many through who change the same revision at once'(rig) {
    for (const revision of [0, 1]) {
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          put({ store: i % 2 === 0 ? rig.store : rig.other }, revision, {
            ...noPolicy,
            approvals: { Production: { required: i + 1 } },
          }),
        ),
      );
      const [written, ...more] = answers.filter((answer) => answer !== null);
      assert.equal(more.length, 0, `${String(more.length + 1)} were let through`);
      assert.deepEqual(await rig.store.find(tenant), written);
    }
  },

  async 'does not change with what was given or read'(rig) {
    const given = JSON.parse(JSON.stringify(everything)) as { freezes: unknown[] };
    await put(rig, 0, given as unknown as Policy);
    given.freezes.length = 0;
    const read = await rig.store.find(tenant);
    (read?.policy.freezes as unknown[]).length = 0;
    assert.deepEqual(await rig.store.find(tenant), { revision: 1, policy: everything });
  },
};

/**
 * What a `PolicyStore` has to do: give back what was set, to every server, and never lose a change that somebody has not
 * seen.
 * @public
 */
export function policyStoreSuite(options: SuiteOptions<PolicyStoreRig>): void {
  defineSuite(options, clauses);
}
