import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';

/** What came back, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
}

/** Begins a request; its body is the caller's to write. */
export function begin(port: number, path: string, { method = 'GET', headers = {}, agent }: Ask = {}): ClientRequest {
  return request({ host: '127.0.0.1', port, path, method, headers, ...(agent === undefined ? {} : { agent }) });
}

/** The head of the answer, its body unread. */
export async function headOf(call: ClientRequest): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    call.once('response', resolve);
    call.once('error', reject);
  });
}

/** One whole exchange. @throws when the connection breaks before the answer's end */
export async function ask(port: number, path: string, options: Ask = {}): Promise<Answer> {
  const call = begin(port, path, { method: options.body === undefined ? 'GET' : 'POST', ...options });
  call.end(options.body);
  const response = await headOf(call);
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

/** What a problem document says. */
export function problemOf({ status, headers, body }: Answer): { status: number; type: unknown; code: string } {
  const { code } = JSON.parse(body) as { code: string };
  return { status, type: headers['content-type'], code };
}

/** Clients that ask one after the other until they are stopped. */
export function steadyClients(
  count: number,
  once: (agent: Agent) => Promise<void>,
): { readonly stop: () => Promise<void> } {
  const agent = new Agent({ keepAlive: true, maxSockets: count });
  let running = true;
  const clients = Array.from({ length: count }, async () => {
    while (running) await once(agent);
  });
  return {
    stop: async () => {
      running = false;
      await Promise.all(clients);
      agent.destroy();
    },
  };
}

/** Waits for a condition; the deadline only bounds a test that fails. */
export async function until(condition: () => boolean | Promise<boolean>, deadlineMs = 10_000): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error('the condition was not met in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
