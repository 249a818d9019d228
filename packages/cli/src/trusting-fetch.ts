import { readFile } from 'node:fs/promises';
import { createSecureContext, rootCertificates } from 'node:tls';
import { cliError } from './error-codes.ts';

/**
 * A `fetch` that trusts the authorities of a file beside those that Node knows.
 * @throws HS_CLI_INVALID_OPTION for a file that cannot be read or holds no certificate
 * @internal
 */
export async function trustingFetch(caFile: string): Promise<typeof fetch> {
  const invalid = (why: string): Error => cliError('HS_CLI_INVALID_OPTION', { option: '--ca-file', why });
  const given = await readFile(caFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw invalid(`${caFile} cannot be read (${error.code ?? 'unknown'})`);
  });
  try {
    createSecureContext({ ca: given });
  } catch {
    throw invalid(`${caFile} holds no certificate in PEM`);
  }
  if (!given.includes('-----BEGIN ')) throw invalid(`${caFile} holds no certificate in PEM`);
  // Node's own fetch takes no authorities, and no dispatcher of another version.
  const { Agent, fetch: fetchBy } = await import('undici');
  const dispatcher = new Agent({ connect: { ca: [...rootCertificates, given] } });
  return ((input: string | URL, init?: RequestInit) =>
    fetchBy(input, { ...(init as object), dispatcher })) as unknown as typeof fetch;
}
