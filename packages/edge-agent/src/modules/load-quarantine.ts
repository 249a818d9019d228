import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentError } from '../error-codes.ts';

/** Deaths of the worker in the middle of loading one release before that release is left alone. */
const deathsUntilQuarantine = 3;
/** After that long one more attempt is made: the cause may have been the machine's. */
const quarantineMs = 3_600_000;
/** Marks older than that belong to releases nobody asked for again. */
const markKeptMs = 86_400_000;

/**
 * Remembers over the death of the worker which releases it was loading. A binary that takes the process down while it is
 * compiled or started would otherwise do so again at every start, and everything else on the node with it.
 *
 * A mark is a file with the number of deaths so far. It is written before a load begins and removed when the load ends,
 * whichever way; marks that a start finds are deaths. Releases that were marked are loaded one at a time, so that the
 * next death names the guilty one. Marks are not flushed to the disk: they have to outlive a process, not a power cut.
 * Where none can be written, because the disk is full, the load goes on without: what is here must serve all the same.
 * @internal
 */
export class LoadQuarantine {
  readonly #folder: string;
  readonly #now: () => number;
  readonly #deaths = new Map<string, { readonly count: number; readonly since: number }>();
  #turn: Promise<unknown> = Promise.resolve();

  /** @param now Unix milliseconds; default the clock of the machine */
  constructor(folder: string, now: () => number = Date.now) {
    this.#folder = folder;
    this.#now = now;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const releaseId of readdirSync(folder)) this.#readMark(releaseId);
  }

  /**
   * Performs a load under a mark; loads of suspects wait for each other.
   * @throws HS_AGENT_RELEASE_QUARANTINED when the worker died too often in this load, and what the work throws
   */
  async watch<T>(releaseId: string, work: () => Promise<T>): Promise<T> {
    const known = this.#deaths.get(releaseId);
    if (known === undefined) return this.#marked(releaseId, 0, work);
    const { count, since } = known;
    if (count >= deathsUntilQuarantine && this.#now() - since < quarantineMs)
      throw agentError('HS_AGENT_RELEASE_QUARANTINED', { releaseId, deaths: count });
    const result = this.#turn.then(() => this.#marked(releaseId, count, work));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #marked<T>(releaseId: string, deaths: number, work: () => Promise<T>): Promise<T> {
    const path = this.#path(releaseId);
    ifPossible(() => writeFileSync(path, String(deaths + 1), { mode: 0o600 }));
    try {
      return await work();
    } finally {
      this.#deaths.delete(releaseId);
      ifPossible(() => rmSync(path, { force: true }));
    }
  }

  #readMark(name: string): void {
    const path = join(this.#folder, name);
    const count = Number(readFileSync(path, 'utf8'));
    const since = statSync(path).mtimeMs;
    if (Number.isInteger(count) && count > 0 && this.#now() - since < markKeptMs)
      this.#deaths.set(decodeURIComponent(name), { count, since });
    else rmSync(path, { force: true });
  }

  #path(releaseId: string): string {
    // Ids are the server's own, but a path is made of them here: no separator and no `..` gets through.
    return join(this.#folder, encodeURIComponent(releaseId).replaceAll('.', '%2E'));
  }
}

function ifPossible(work: () => void): void {
  try {
    work();
  } catch {
    return;
  }
}
