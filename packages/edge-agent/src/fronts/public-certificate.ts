import { readFile } from 'node:fs/promises';
import type { HttpCertificate } from '@hotswap/core';
import { agentError } from '../error-codes.ts';

/** Renewed files are seen after that long. */
const lookEachMs = 30_000;

/** Certificate and key of the public port, in files that something else renews. @internal */
export class PublicCertificate {
  readonly #certFile: string;
  readonly #keyFile: string;
  readonly #onTrouble: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #last = '';

  /** @param onTrouble told when renewed files cannot be used; the certificate before them stays */
  constructor(certFile: string, keyFile: string, onTrouble: (error: unknown) => void) {
    this.#certFile = certFile;
    this.#keyFile = keyFile;
    this.#onTrouble = onTrouble;
  }

  /** @throws HS_AGENT_CONFIG_INVALID when a file cannot be read */
  async read(): Promise<HttpCertificate> {
    const [certPem, keyPem] = await Promise.all([readPem(this.#certFile), readPem(this.#keyFile)]);
    this.#last = certPem + keyPem;
    return { certPem, keyPem };
  }

  /** Hands over what the files hold whenever that has changed. */
  watch(onRenewed: (certificate: HttpCertificate) => void): void {
    this.#timer = setInterval(() => void this.#look(onRenewed), lookEachMs).unref();
  }

  unwatch(): void {
    clearInterval(this.#timer);
  }

  async #look(onRenewed: (certificate: HttpCertificate) => void): Promise<void> {
    const before = this.#last;
    try {
      const certificate = await this.read();
      if (this.#last !== before) onRenewed(certificate);
    } catch (error) {
      // Half of a renewal may have been seen: the next look takes it whole.
      this.#last = before;
      this.#onTrouble(error);
    }
  }
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw agentError('HS_AGENT_CONFIG_INVALID', { why: `the file ${path} cannot be read (${reason})` });
  }
}
