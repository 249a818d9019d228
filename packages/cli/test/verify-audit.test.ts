import { describe, expect, it } from 'vitest';
import { actText, canonicalJson, genesisHash, type AuditAct, type JournalEntry } from '@hotswap/core';
import { parseExport, type AuditLine } from '../src/audit/audit-lines.ts';
import { sha256, verifyAudit } from '../src/audit/verify-audit.ts';

/** A journal of `length` entries, and the acts about it. */
function journalOf(deploymentId: string, length: number): readonly JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (let seq = 0; seq < length; seq++) {
    const content = {
      type: 'command',
      command: 'pause',
      reason: `for the ${seq}th time of ${deploymentId} — naïve`,
      seq,
      at: 1_000 + seq,
      actor: 'bob',
      previousHash: entries.at(-1)?.hash ?? genesisHash,
    };
    entries.push({ ...content, hash: sha256(canonicalJson(content)) } as JournalEntry);
  }
  return entries;
}

function actsOf(count: number, journal: readonly JournalEntry[], deploymentId: string): readonly AuditAct[] {
  const acts: AuditAct[] = [];
  for (let seq = 0; seq < count; seq++) {
    const entry = journal[seq];
    const content: Omit<AuditAct, 'hash'> = {
      tenant: 'default',
      seq,
      at: 1_000 + seq,
      actor: seq % 2 === 0 ? 'alice@example.com' : 'engine:server-1',
      role: seq % 2 === 0 ? 'admin' : null,
      action: entry ? 'deployment.pause' : 'node.change',
      object: entry ? deploymentId : `edge-${seq}`,
      facts: entry ? { seq: entry.seq, head: entry.hash } : { isEnabled: seq % 3 === 0, labels: null },
      requestId: null,
      previousHash: acts.at(-1)?.hash ?? genesisHash,
    };
    acts.push({ ...content, hash: sha256(actText(content)) });
  }
  return acts;
}

function exportOf(actCount: number, entryCount: number): readonly AuditLine[] {
  const journal = journalOf('d1', entryCount);
  const acts = actsOf(actCount, journal, 'd1');
  const last = acts.at(-1);
  return [
    { kind: 'hotswap-audit', version: 1, head: { seq: last?.seq ?? -1, hash: last?.hash ?? genesisHash } },
    ...acts.map((act) => ({ kind: 'act' as const, act })),
    ...journal.map((entry) => ({ kind: 'entry' as const, deploymentId: 'd1', entry })),
    { kind: 'end', acts: actCount, journals: 1, entries: entryCount },
  ];
}

const bytesOf = (lines: readonly AuditLine[]): Uint8Array =>
  new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
const verify = (lines: readonly AuditLine[], head?: string) => verifyAudit(parseExport(bytesOf(lines)), head);
const isDamaged = { code: 'HS_CLI_AUDIT_DAMAGED' };

describe('verifying an export', () => {
  it('finds a whole one whole, and shows its head', async () => {
    const lines = exportOf(40, 12);
    const verdict = await verify(lines);
    expect(verdict).toMatchObject({ acts: 40, journals: 1, entries: 12, head: { seq: 39 } });
    await expect(verify(lines, verdict.head.hash)).resolves.toEqual(verdict);
  });

  it('finds every one of a thousand flipped bits', async () => {
    const bytes = bytesOf(exportOf(40, 12));
    let state = 42;
    const found: string[] = [];
    for (let n = 0; n < 1_000; n++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const bit = state % (bytes.length * 8);
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const code = await verifyAudit(parseExport(damaged)).then(
        () => `bit ${bit} went unnoticed`,
        (error: unknown) => (error as { code: string }).code,
      );
      found.push(code);
    }
    expect(new Set(found)).toEqual(new Set(['HS_CLI_AUDIT_DAMAGED']));
  });

  it('finds what was cut off, left out, repeated or put elsewhere', async () => {
    const lines = exportOf(20, 5);
    for (const [n, line] of lines.entries()) {
      await expect(verify(lines.toSpliced(n, 1)), `without line ${n}`).rejects.toMatchObject(isDamaged);
      await expect(verify(lines.toSpliced(n, 0, line)), `line ${n} twice`).rejects.toMatchObject(isDamaged);
    }
    await expect(verify(lines.toSpliced(3, 2, ...lines.slice(3, 5).toReversed()))).rejects.toMatchObject(isDamaged);
    await expect(verify([])).rejects.toMatchObject(isDamaged);
    await expect(verifyAudit(parseExport(bytesOf(lines).slice(0, -1)))).rejects.toMatchObject(isDamaged);
  });

  it('finds a journal that was written anew from its beginning, by the acts', async () => {
    const lines = exportOf(20, 5);
    const forged = journalOf('d1', 5).map((entry) => ({ ...entry }));
    let previousHash = genesisHash;
    const rewritten = forged.map(({ hash: _hash, ...entry }) => {
      const content = { ...entry, actor: 'mallory', previousHash };
      previousHash = sha256(canonicalJson(content));
      return { kind: 'entry' as const, deploymentId: 'd1', entry: { ...content, hash: previousHash } };
    });
    const head = lines.filter(({ kind }) => kind !== 'entry');
    await expect(verify([...head.slice(0, -1), ...rewritten, ...head.slice(-1)])).rejects.toMatchObject({
      ...isDamaged,
      details: { where: 'entry 0 of d1', why: 'an act names another hash for it: the journal was written anew' },
    });
  });

  it('finds a chain that was written anew as a whole, by a head that somebody noted', async () => {
    const { head } = await verify(exportOf(20, 5));
    await expect(verify(exportOf(20, 4), head.hash)).rejects.toMatchObject(isDamaged);
    await expect(verify(exportOf(30, 5), head.hash)).resolves.toMatchObject({ acts: 30 });
  });
});
