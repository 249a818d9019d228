import { prometheusError } from './error-codes.ts';
import type { PrometheusSettings } from './prometheus-options.ts';
import { readAnswer } from './read-answer.ts';

/** An answer of one number is a few hundred bytes; more is a query that was not meant. */
const mostAnswerBytes = 1_048_576;

/**
 * Asks one instant query. Only the configured address is asked: a redirect is an error, and the query goes in the body.
 * @throws HS_METRICS_UNREACHABLE, HS_METRICS_REFUSED, HS_METRICS_AMBIGUOUS
 * @internal
 */
export async function askPrometheus(query: string, settings: PrometheusSettings): Promise<number | null> {
  const { endpoint, timeoutMs } = settings;
  const authorization = settings.authorization();
  let text: string;
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      redirect: 'error',
      headers: { accept: 'application/json', ...(authorization ? { authorization } : {}) },
      body: new URLSearchParams({ query, timeout: `${timeoutMs}ms` }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await readText(response);
    if (response.status === 401 || response.status === 403)
      throw prometheusError('HS_METRICS_REFUSED', { query, why: 'the authorization was not accepted' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('HS_METRICS_')) throw error;
    throw prometheusError('HS_METRICS_UNREACHABLE', { why: reasonOf(error, timeoutMs) }, error);
  }
  return readAnswer(query, parseJson(text));
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > mostAnswerBytes)
      throw prometheusError('HS_METRICS_UNREACHABLE', { why: `its answer is longer than ${mostAnswerBytes} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `not within ${timeoutMs} ms`;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
