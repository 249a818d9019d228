import type { Instant } from '../model/deployment.ts';
import { canonicalJson, type Json } from '../model/json.ts';
import { genesisHash, type EntryHash } from '../rollout/journal-entry.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';

/**
 * One change of state, and who made it. The acts of a tenant are a hash chain: each names the hash of the one before it,
 * so that none can be altered, left out or put in between without all that follow telling.
 * @public
 */
export interface AuditAct {
  readonly tenant: string;
  /** From 0, without gaps. */
  readonly seq: number;
  /** The database's time. */
  readonly at: Instant;
  /** The authenticated principal, an engine, a node, or `system` for what a server does by itself. */
  readonly actor: string;
  /** Role that the actor had; `null` for what no caller asked for. */
  readonly role: string | null;
  /** Dotted, e.g. `deployment.rollback`, `node.change`. */
  readonly action: string;
  /** Id of what was changed. */
  readonly object: string;
  readonly facts: Json;
  /** Request that led to it, as logs name it; `null` when none did. */
  readonly requestId: string | null;
  readonly previousHash: EntryHash;
  /** SHA-256 over the canonical JSON of everything else. */
  readonly hash: EntryHash;
}

/** SHA-256 of a text (as UTF-8) in lower-case hex; given in, for the fastest one differs by platform. @public */
export type HashText = (text: string) => string;

/** The text that an act's hash is over. @public */
export function actText({ hash: _hash, ...content }: Omit<AuditAct, 'hash'> & { readonly hash?: string }): string {
  return canonicalJson(content);
}

/** Where a chain of acts has got to. @public */
export interface AuditHead {
  /** -1 for no act yet. */
  readonly seq: number;
  readonly hash: EntryHash;
}

/** Head of a tenant of which nothing is on record. @public */
export const emptyAudit: AuditHead = { seq: -1, hash: genesisHash };

/**
 * Proves that acts are as they were written and follow one another from `from` on. Returns where they lead; whether that
 * is the end is for the caller to compare, since a chain cannot tell of acts cut off behind it.
 * @throws HS_AUDIT_CORRUPT with the number of the first bad act.
 * @public
 */
export function verifyActs(acts: Iterable<AuditAct>, sha256: HashText, from: AuditHead = emptyAudit): AuditHead {
  let { seq, hash } = from;
  for (const act of acts) {
    seq++;
    const broken = (why: string): never => {
      throw hotSwapError('HS_AUDIT_CORRUPT', { seq, why });
    };
    if (act.seq !== seq) broken(`act ${String(act.seq)} stands where it belongs`);
    if (act.previousHash !== hash) broken('it does not follow the act before it');
    if (sha256(actText(act)) !== act.hash) broken('its content does not match its hash');
    hash = act.hash;
  }
  return { seq, hash };
}
