import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { ServerConfig } from '../config/schema.ts';
import { serverError } from '../error-codes.ts';

/** Renewed files are seen after that long; files that are links into another folder are, too. @internal */
export const certificateLookMs = 10_000;

/** Which files, and what they are encrypted with. */
type CertificateFiles = Pick<ServerConfig, 'certificateKeyFile' | 'certificatePassword'> & {
  readonly certificateFile: string;
};

/** TLS 1.2 with AES-256 and SHA-384 only (D-24), TLS 1.3 with what it has. */
const protocolOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'DHE-RSA-AES256-GCM-SHA384',
  ].join(':'),
  dhparam: 'auto',
} as const satisfies SecureContextOptions;

/** The certificate of HTTPS, in files that something else renews. @internal */
export class ServerCertificate {
  readonly #files: CertificateFiles;
  readonly #onTrouble: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #last = '';
  #looking = Promise.resolve();

  /** @param onTrouble told when renewed files cannot be used; the certificate before them stays */
  constructor(files: CertificateFiles, onTrouble: (error: unknown) => void) {
    this.#files = files;
    this.#onTrouble = onTrouble;
  }

  /** @throws HS_CONFIG_INVALID when a file cannot be read, or is no certificate with its key and password */
  async read(): Promise<SecureContextOptions> {
    const { certificateFile, certificateKeyFile, certificatePassword } = this.#files;
    const chain = await readBytes('certificateFile', certificateFile);
    const key = certificateKeyFile === undefined ? null : await readBytes('certificateKeyFile', certificateKeyFile);
    const isPem = chain.includes('-----BEGIN ');
    if (!isPem && key !== null)
      throw invalid('certificateKeyFile', `${certificateFile} is no PEM file, and a PFX file has its key inside`);
    if (isPem && key === null && !chain.includes('PRIVATE KEY-----'))
      throw invalid('certificateKeyFile', `${certificateFile} holds no key: name the file that does`);
    const options: SecureContextOptions = {
      ...protocolOptions,
      ...(isPem ? { cert: chain, key: key ?? chain } : { pfx: chain }),
      ...(certificatePassword === undefined ? {} : { passphrase: certificatePassword }),
    };
    try {
      createSecureContext(options);
    } catch (error) {
      throw invalid('certificateFile', whyUnusable(certificateFile, error as Error));
    }
    this.#last = Buffer.concat([chain, key ?? Buffer.alloc(0)]).toString('latin1');
    return options;
  }

  /** Hands over what the files hold whenever that has changed. */
  watch(onRenewed: (options: SecureContextOptions) => void, lookEachMs: number = certificateLookMs): void {
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look(onRenewed));
    }, lookEachMs).unref();
  }

  unwatch(): void {
    clearInterval(this.#timer);
  }

  async #look(onRenewed: (options: SecureContextOptions) => void): Promise<void> {
    const before = this.#last;
    try {
      const options = await this.read();
      if (this.#last !== before) onRenewed(options);
    } catch (error) {
      // Half of a renewal may have been seen: the next look takes it whole.
      this.#onTrouble(error);
    }
  }
}

async function readBytes(key: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw invalid(key, `the file ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

/** OpenSSL's reasons in words that tell what to do. */
function whyUnusable(path: string, { message }: Error): string {
  if (/mac verify failure|bad decrypt|interrupted or cancelled/i.test(message))
    return `the password does not open ${path} or its key: set certificatePassword (CERT_PASSWORD)`;
  if (/unsupported/i.test(message))
    return `${path} is encrypted by a method that OpenSSL has given up: export it anew, e.g. with openssl pkcs12 -export`;
  if (/key values mismatch/i.test(message)) return `the key does not belong to the certificate in ${path}`;
  return `${path} cannot be used (${message.split(':').at(-1) ?? ''})`;
}

function invalid(key: string, why: string): Error {
  return serverError('HS_CONFIG_INVALID', { why: `${key}: ${why}` });
}
