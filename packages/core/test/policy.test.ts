import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  approversBesides,
  changeRefusal,
  changeRefusedError,
  changeRulesOf,
  isApprover,
  noPolicy,
  policyChanges,
  policySchema,
  requiredApprovals,
  weekdays,
  type ChangeRules,
  type OffPeakWindow,
  type Policy,
} from '@hotswap/core';
import { isOffPeak } from '../src/model/off-peak-window.ts';

const at = (text: string): number => Date.parse(text);
const text = (instant: number): string => new Date(instant).toISOString();
const hour = 3_600_000;
const berlin: OffPeakWindow = {
  timeZone: 'Europe/Berlin',
  days: ['mon', 'tue', 'wed', 'thu'],
  from: '09:00',
  to: '16:00',
};
const rules = (part: Partial<ChangeRules>): ChangeRules => ({
  ...{ environment: 'Production', windows: null, freezes: [] },
  ...part,
});
const next = (of: ChangeRules, instant: string): string | null => {
  const refusal = changeRefusal(of, at(instant));
  return refusal && text(refusal.allowedAt);
};

describe('change windows', () => {
  it('are open by the clocks of the place, and name the next opening over a weekend', () => {
    const of = rules({ windows: [berlin] });
    expect(next(of, '2026-07-01T07:00:00Z')).toBeNull();
    expect(next(of, '2026-07-01T13:59:59Z')).toBeNull();
    expect(next(of, '2026-07-01T14:00:00Z')).toBe('2026-07-02T07:00:00.000Z');
    expect(next(of, '2026-07-02T14:00:00Z')).toBe('2026-07-06T07:00:00.000Z');
    expect(changeRefusal(of, at('2026-07-03T12:00:00Z'))).toMatchObject({ code: 'HS_DEPLOYMENT_OUTSIDE_WINDOW' });
  });

  it('move with summer time', () => {
    const of = rules({ windows: [{ timeZone: 'Europe/Berlin', from: '09:00', to: '10:00' }] });
    expect(next(of, '2026-03-28T12:00:00Z')).toBe('2026-03-29T07:00:00.000Z');
    expect(next(of, '2026-10-24T12:00:00Z')).toBe('2026-10-25T08:00:00.000Z');
  });

  it('that a change of the clocks skips come a day later', () => {
    const of = rules({ windows: [{ timeZone: 'Europe/Berlin', from: '02:00', to: '03:00' }] });
    expect(next(of, '2026-03-29T00:30:00Z')).toBe('2026-03-30T00:00:00.000Z');
  });
});

describe('a freeze', () => {
  const freeze = { from: '2026-12-20T00:00:00Z', until: '2027-01-04T00:00:00Z', reason: 'the holidays' };

  it('holds from its first moment to before its end, and says why', () => {
    const of = rules({ freezes: [freeze] });
    expect(next(of, '2026-12-19T23:59:59.999Z')).toBeNull();
    expect(changeRefusal(of, at('2026-12-20T00:00:00Z'))).toEqual({
      code: 'HS_DEPLOYMENT_FROZEN',
      environment: 'Production',
      allowedAt: at(freeze.until),
      reason: 'the holidays',
    });
    expect(next(of, '2027-01-03T23:59:59.999Z')).toBe('2027-01-04T00:00:00.000Z');
    expect(next(of, '2027-01-04T00:00:00Z')).toBeNull();
  });

  it('goes on in another one, and ends into the next window', () => {
    const more = { from: '2027-01-03T00:00:00Z', until: '2027-01-08T00:00:00Z', reason: 'stocktaking' };
    const of = rules({ freezes: [more, freeze], windows: [berlin] });
    expect(next(of, '2026-12-24T12:00:00Z')).toBe('2027-01-11T08:00:00.000Z');
    expect(changeRefusal(of, at('2027-01-03T12:00:00Z'))).toMatchObject({ reason: 'stocktaking' });
    expect(next(rules({ freezes: [freeze, more] }), '2026-12-24T12:00:00Z')).toBe('2027-01-08T00:00:00.000Z');
  });

  it('makes an error that can be tried again later', () => {
    const refusal = changeRefusal(rules({ freezes: [freeze] }), at('2026-12-24T12:00:00Z'));
    expect(refusal && changeRefusedError(refusal, 'deploy-1')).toMatchObject({
      code: 'HS_DEPLOYMENT_FROZEN',
      retryable: true,
      httpStatus: 409,
      details: { what: 'deploy-1', allowedAt: '2027-01-04T00:00:00.000Z', reason: 'the holidays' },
      message: expect.stringContaining('(the holidays): deploy-1 can be executed from 2027-01-04') as string,
    });
  });
});

describe('the next allowed time', () => {
  const instant = fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-12-31T00:00:00Z') });
  const time = fc.integer({ min: 0, max: 23 }).map((hours) => `${String(hours).padStart(2, '0')}:00`);
  const window = fc
    .record({
      timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'),
      days: fc.subarray([...weekdays], { minLength: 1 }),
      from: time,
      to: time,
    })
    .filter(({ from, to }) => from !== to);
  const freezeOf = fc
    .tuple(instant, fc.integer({ min: 1, max: 40 * 24 }))
    .map(([from, hours]) => ({ from: text(from), until: text(from + hours * hour), reason: 'r' }));
  const isAllowed = ({ windows, freezes }: ChangeRules, moment: number): boolean =>
    (windows === null || isOffPeak(windows, moment)) &&
    freezes.every(({ from, until }) => moment < at(from) || moment >= at(until));

  it('is allowed, is not before now, and nothing before it is', () => {
    fc.assert(
      fc.property(
        fc.option(window.map((one) => [one])),
        fc.array(freezeOf, { maxLength: 6 }),
        instant,
        (windows, freezes, now) => {
          const of = rules({ windows, freezes });
          const refusal = changeRefusal(of, now);
          if (refusal === null) return isAllowed(of, now);
          const { allowedAt } = refusal;
          if (isAllowed(of, now) || allowedAt <= now || !isAllowed(of, allowedAt)) return false;
          const between = Array.from({ length: 50 }, (_, i) => now + Math.floor(((allowedAt - now) * i) / 50));
          return [...between, allowedAt - 1].every((moment) => !isAllowed(of, moment));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('rules of an environment', () => {
  it('are its own before those for all, and freezes that name none are for all', () => {
    const always: OffPeakWindow = { timeZone: 'UTC', from: '00:00', to: '24:00' };
    const freeze = { from: '2026-01-01T00:00:00Z', until: '2026-01-02T00:00:00Z', reason: 'r' };
    const policy: Policy = {
      ...noPolicy,
      changeWindows: { '*': [always], Production: [berlin] },
      freezes: [freeze, { ...freeze, environments: ['Staging'] }],
    };
    expect(changeRulesOf(policy, 'Production')).toMatchObject({ windows: [berlin], freezes: [freeze] });
    expect(changeRulesOf(policy, 'Staging')).toMatchObject({ windows: [always], freezes: { length: 2 } });
    expect(changeRulesOf(noPolicy, 'Staging')).toBeNull();
  });
});

describe('approvals', () => {
  const approvals = { required: 2, approvers: { users: ['ada', 'grace'], roles: ['admin' as const] } };

  it('are none, one, or as many as a rule says', () => {
    expect(requiredApprovals({})).toBe(0);
    expect(requiredApprovals({ requireApproval: true })).toBe(1);
    expect(requiredApprovals({ requireApproval: true, approvals })).toBe(2);
    expect(requiredApprovals({ requireApproval: false, approvals })).toBe(0);
  });

  it('are given by whoever is named and by whoever has a role; without names by admins', () => {
    const may = (subject: string, role: string, rule = approvals) => isApprover({ approvals: rule }, { subject, role });
    expect([may('ada', 'developer'), may('linus', 'admin'), may('linus', 'developer')]).toEqual([true, true, false]);
    expect(isApprover({ approvals: { required: 2 } }, { subject: 'ada', role: 'developer' })).toBe(false);
    expect(isApprover({ approvals: { required: 2 } }, { subject: 'ada', role: 'admin' })).toBe(true);
    expect(isApprover({ approvals }, { subject: 'linus' })).toBe(false);
  });

  it('leave so many approvers besides an author', () => {
    const users = { required: 2, approvers: { users: ['ada', 'grace'] } };
    expect(approversBesides(users, 'ada')).toBe(1);
    expect(approversBesides({ ...users, allowAuthor: true }, 'ada')).toBe(2);
    expect(approversBesides(users, 'linus')).toBe(2);
    expect(approversBesides(approvals, 'ada')).toBeNull();
  });
});

describe('a policy', () => {
  it('is read with what is absent as none, and names in lower case', () => {
    expect(policySchema.parse({})).toEqual(noPolicy);
    const read = policySchema.parse({
      approvals: { '*': { required: 1, approvers: { users: [' Ada@Example.com ', 'idp:AbC'] }, validFor: 7_200 } },
    });
    expect(read.approvals['*']).toEqual({
      required: 1,
      approvers: { users: ['ada@example.com', 'idp:AbC'] },
      validFor: 'PT2H',
    });
  });

  it('tells its changes rule by rule', () => {
    const freeze = { from: '2026-01-01T00:00:00Z', until: '2026-01-02T00:00:00Z', reason: 'r' };
    const before = policySchema.parse({ approvals: { '*': { required: 1 } }, freezes: [freeze] });
    const after = policySchema.parse({
      approvals: { '*': { required: 2 } },
      changeWindows: { Production: [berlin] },
      freezes: [{ ...freeze, reason: 'other' }],
    });
    expect(policyChanges(before, before)).toEqual([]);
    expect(policyChanges(before, after)).toEqual([
      { pointer: '/approvals/*', before: { required: 1 }, after: { required: 2 } },
      { pointer: '/changeWindows/Production', before: null, after: [berlin] },
      { pointer: '/freezes', before: freeze, after: null },
      { pointer: '/freezes', before: null, after: { ...freeze, reason: 'other' } },
    ]);
  });
});
