import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A pair of WIT texts whose worlds `w` are compared. */
export interface WitPair {
  readonly old: string;
  readonly new: string;
}

/** What `semver_check` says of a pair. */
export interface OracleVerdict {
  readonly breaking: boolean;
  readonly reason: string | null;
  /** Why the pair cannot be judged; `null`: it was. */
  readonly invalid: string | null;
  readonly parseNs: number;
  readonly checkNs: number;
}

/** The built oracle (`npm run oracle`), `null` when it is not there. */
export function oracleProgram(): string | null {
  const target = process.env['CARGO_TARGET_DIR'] ?? join(homedir(), '.cache/hotswap/cargo-target');
  const places = [join(import.meta.dirname, '../oracle/target'), target].map((folder) =>
    join(folder, 'release/hotswap-semver-oracle'),
  );
  return places.find((place) => existsSync(place)) ?? null;
}

/** Asks the oracle about all pairs at once. */
export async function judge(program: string, pairs: readonly WitPair[]): Promise<readonly OracleVerdict[]> {
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  child.stdin.end(pairs.map((pair) => `${JSON.stringify({ ...pair, world: 'w' })}\n`).join(''));
  const code = await closed;
  if (code !== 0) throw new Error(`the oracle ended with ${String(code)}`);
  const lines = Buffer.concat(chunks).toString('utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as OracleVerdict);
}

/**
 * Which pairs the oracle can judge: those of WIT that it reads, whose worlds can each replace itself. It refuses some that
 * meet a resource on two ways, also where nothing has changed.
 */
export async function judgeable(program: string, pairs: readonly WitPair[]): Promise<readonly boolean[]> {
  const selves = await judge(
    program,
    pairs.flatMap((pair) => [
      { old: pair.old, new: pair.old.replace('@1.0.0', '@1.1.0') },
      { old: pair.new.replace('@1.1.0', '@1.0.0'), new: pair.new },
    ]),
  );
  const verdicts = await judge(program, pairs);
  return verdicts.map(
    ({ invalid }, i) =>
      invalid === null && [selves[2 * i], selves[2 * i + 1]].every((self) => self?.breaking === false),
  );
}
