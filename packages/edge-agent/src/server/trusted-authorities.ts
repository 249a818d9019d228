import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates } from 'node:tls';
import { agentError } from '../error-codes.ts';

/**
 * Those whom Node trusts and those of the file; `undefined` without a file: Node decides.
 * @throws HS_AGENT_CONFIG_INVALID for a file that cannot be read or holds no certificate
 * @internal
 */
export function trustedAuthorities(caFile: string | undefined): readonly string[] | undefined {
  if (caFile === undefined) return undefined;
  let given: string;
  try {
    given = readFileSync(caFile, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw agentError('HS_AGENT_CONFIG_INVALID', { why: `CaFile: ${caFile} cannot be read (${reason})` });
  }
  try {
    if (!given.includes('-----BEGIN ')) throw agentError('HS_AGENT_CONFIG_INVALID', { why: 'it is no PEM' });
    createSecureContext({ ca: given });
  } catch {
    throw agentError('HS_AGENT_CONFIG_INVALID', { why: `CaFile: ${caFile} holds no certificate in PEM` });
  }
  return [...rootCertificates, given];
}
