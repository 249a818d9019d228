import type { AuditAct, AuditHead, JournalEntry } from '@hotswap/core';
import type { HotSwapClient, JournalEntryView } from '@hotswap/protocol';
import { wholeJournal } from '../commands/why.ts';
import { cliError } from '../error-codes.ts';

/** One line of an export: acts in their order, then journals in theirs. @internal */
export type AuditLine =
  /** The chain's head when the export began. */
  | { readonly kind: 'hotswap-audit'; readonly version: 1; readonly head: AuditHead }
  | { readonly kind: 'act'; readonly act: AuditAct }
  | { readonly kind: 'entry'; readonly deploymentId: string; readonly entry: JournalEntry }
  /** How many lines of each kind came before. */
  | { readonly kind: 'end'; readonly acts: number; readonly journals: number; readonly entries: number };

/** Reads everything that can be verified, from a server, in the form of an export. @internal */
export async function* readServerLines(client: HotSwapClient): AsyncGenerator<AuditLine, void, undefined> {
  const count = { acts: 0, journals: 0, entries: 0 };
  let cursor: string | undefined;
  do {
    const page = await client.audit.list({ limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    if (cursor === undefined) yield { kind: 'hotswap-audit', version: 1, head: page.head };
    for (const act of page.acts) yield { kind: 'act', act };
    count.acts += page.acts.length;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  for await (const deploymentId of allDeployments(client)) {
    count.journals++;
    for (const view of await wholeJournal(client, deploymentId)) {
      count.entries++;
      yield { kind: 'entry', deploymentId, entry: entryOf(view) };
    }
  }
  yield { kind: 'end', ...count };
}

async function* allDeployments(client: HotSwapClient): AsyncGenerator<string, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await client.deployments.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) });
    for (const { deploymentId } of page.deployments) yield deploymentId;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** The entry as it was hashed. */
function entryOf({ entry, seq, at, actor, previousHash, hash }: JournalEntryView): JournalEntry {
  return { ...(entry as object), seq, at: Date.parse(at), actor, previousHash, hash } as JournalEntry;
}

/** Reads the lines of an export. @throws HS_CLI_AUDIT_DAMAGED for anything that is not exactly what an export writes. @internal */
export function* parseExport(bytes: Uint8Array): Generator<AuditLine, void, undefined> {
  const damaged = (line: number, why: string): Error =>
    cliError('HS_CLI_AUDIT_DAMAGED', { where: `line ${line}`, why });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damaged(1, 'the file is no UTF-8');
  }
  if (!text.endsWith('\n')) throw damaged(1, 'its last line is not whole');
  for (const [n, line] of text.slice(0, -1).split('\n').entries()) {
    const read = parseLine(line);
    // One meaning has one text: a line that reads the same but is written otherwise has been altered.
    if (read === null || JSON.stringify(read) !== line) throw damaged(n + 1, 'it is not as it was written');
    yield read;
  }
}

function parseLine(line: string): AuditLine | null {
  try {
    const read = JSON.parse(line) as AuditLine | null;
    return read !== null && typeof read === 'object' ? read : null;
  } catch {
    return null;
  }
}
