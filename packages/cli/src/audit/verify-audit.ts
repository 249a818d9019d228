import { createHash } from 'node:crypto';
import {
  canonicalJson,
  emptyAudit,
  genesisHash,
  isHotSwapError,
  verifyActs,
  type AuditAct,
  type AuditHead,
  type JournalEntry,
} from '@hotswap/core';
import { cliError } from '../error-codes.ts';
import type { AuditLine } from './audit-lines.ts';

/** What was verified. @internal */
export interface AuditVerdict {
  readonly acts: number;
  readonly journals: number;
  readonly entries: number;
  /** To be noted down: a later verification with `--head` proves that nothing up to here was written anew. */
  readonly head: AuditHead;
}

/** SHA-256 of a text. @internal */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Proves that the chain of acts and every journal are as they were written, that they fit one another, and that nothing
 * was cut off. `expectedHead` is a hash that an earlier verification has shown.
 * @throws HS_CLI_AUDIT_DAMAGED naming the first place that is not right
 * @internal
 */
export async function verifyAudit(
  lines: Iterable<AuditLine> | AsyncIterable<AuditLine>,
  expectedHead?: string,
): Promise<AuditVerdict> {
  const verification = new Verification(expectedHead);
  for await (const line of lines) verification.take(line);
  return verification.finish();
}

const damaged = (where: string, why: string): Error => cliError('HS_CLI_AUDIT_DAMAGED', { where, why });

class Verification {
  readonly #expectedHead: string | undefined;
  #announced: AuditHead | null = null;
  #head: AuditHead = emptyAudit;
  #sawAnnounced = false;
  #sawExpected = false;
  #end: Extract<AuditLine, { kind: 'end' }> | null = null;
  /** Heads of journals that acts name, by deployment and number of the entry. */
  readonly #anchors = new Map<string, Map<number, string>>();
  readonly #journals = new Map<string, { readonly seq: number; readonly hash: string }>();
  #entries = 0;

  constructor(expectedHead: string | undefined) {
    this.#expectedHead = expectedHead;
  }

  take(line: AuditLine): void {
    if (this.#end) throw damaged('the end', 'something follows it');
    switch (line.kind) {
      case 'hotswap-audit':
        if (this.#announced) throw damaged('the beginning', 'it is there twice');
        this.#announced = line.head;
        return;
      case 'act':
        return this.#takeAct(line.act);
      case 'entry':
        return this.#takeEntry(line.deploymentId, line.entry);
      case 'end':
        this.#end = line;
        return;
      default:
        throw damaged('a line', 'it is of no kind that exports have');
    }
  }

  finish(): AuditVerdict {
    const verdict = {
      acts: this.#head.seq + 1,
      journals: this.#journals.size,
      entries: this.#entries,
      head: this.#head,
    };
    const end = this.#end;
    if (!this.#announced || !end) throw damaged('the export', 'its beginning or its end is missing');
    if (!this.#sawAnnounced && this.#announced.seq >= 0)
      throw damaged(`act ${this.#announced.seq}`, 'the chain does not reach it with the hash that it had');
    if (this.#expectedHead !== undefined && !this.#sawExpected)
      throw damaged('the chain', `no act has the hash ${this.#expectedHead}`);
    if (end.acts !== verdict.acts || end.journals !== verdict.journals || end.entries !== verdict.entries)
      throw damaged('the end', 'it counts other lines than there are');
    for (const [deploymentId, anchors] of this.#anchors) {
      const last = Math.max(...anchors.keys());
      if ((this.#journals.get(deploymentId)?.seq ?? -1) < last)
        throw damaged(`the journal of ${deploymentId}`, `the acts know of its entry ${last}, which is missing`);
    }
    return verdict;
  }

  #takeAct(act: AuditAct): void {
    if (this.#journals.size > 0) throw damaged(`act ${String(act.seq)}`, 'it stands behind journals');
    try {
      this.#head = verifyActs([act], sha256, this.#head);
    } catch (error) {
      if (!isHotSwapError(error)) throw damaged(`act ${this.#head.seq + 1}`, 'it is no act');
      throw damaged(`act ${this.#head.seq + 1}`, error.message);
    }
    if (this.#announced?.seq === act.seq) {
      if (act.hash !== this.#announced.hash) throw damaged(`act ${act.seq}`, 'the head names another hash for it');
      this.#sawAnnounced = true;
    }
    if (act.hash === this.#expectedHead) this.#sawExpected = true;
    const facts = act.facts as { readonly seq?: unknown; readonly head?: unknown } | null;
    if (act.action.startsWith('deployment.') && typeof facts?.seq === 'number' && typeof facts.head === 'string') {
      const anchors = this.#anchors.get(act.object) ?? new Map<number, string>();
      this.#anchors.set(act.object, anchors.set(facts.seq, facts.head));
    }
  }

  #takeEntry(deploymentId: string, entry: JournalEntry): void {
    const where = `entry ${String(entry.seq)} of ${deploymentId}`;
    const before = this.#journals.get(deploymentId) ?? { seq: -1, hash: genesisHash };
    if (entry.seq !== before.seq + 1) throw damaged(where, `it stands where entry ${before.seq + 1} belongs`);
    if (entry.previousHash !== before.hash) throw damaged(where, 'it does not follow the entry before it');
    const { hash, ...content } = entry;
    if (sha256(canonicalJson(content)) !== hash) throw damaged(where, 'its content does not match its hash');
    const anchor = this.#anchors.get(deploymentId)?.get(entry.seq);
    if (anchor !== undefined && anchor !== hash)
      throw damaged(where, 'an act names another hash for it: the journal was written anew');
    this.#journals.set(deploymentId, { seq: entry.seq, hash });
    this.#entries++;
  }
}
