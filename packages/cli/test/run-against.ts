import { Writable } from 'node:stream';
import { runCli, type CliEnvironment } from '@hotswap/cli';

/** Takes what a command prints. */
export class TextSink extends Writable {
  text = '';
  isTTY?: boolean;
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** How a command ended, and what it printed. */
export interface RanCommand {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command against a server that is a function. */
export async function runAgainst(
  server: typeof fetch,
  args: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<RanCommand> {
  const [stdout, stderr] = [new TextSink(), new TextSink()];
  const env = { HOTSWAP_SERVER: 'http://server.test', HOTSWAP_TOKEN: 'secret' };
  const environment: CliEnvironment = { stdout, stderr, env, signal, fetch: server };
  return { code: await runCli(args, environment), stdout: stdout.text, stderr: stderr.text };
}

/** An answer with a document. */
export const answerOf = (document: unknown): Response =>
  new Response(JSON.stringify(document), { headers: { 'content-type': 'application/json' } });

/** A refusal with a code. */
export function refusalOf(status: number, code: string, detail: string): Response {
  const problem = { type: 'about:blank', title: 'no', status, detail, code, requestId: 'r' };
  return new Response(JSON.stringify(problem), { status, headers: { 'content-type': 'application/problem+json' } });
}
