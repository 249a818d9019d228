import { Agent, request } from 'node:http';

/** One answered or failed request. */
export interface Sample {
  /** Milliseconds since the load began, at the moment it was sent. */
  readonly atMs: number;
  readonly latencyMs: number;
  /** Module id that answered; `null` when the request was dropped. */
  readonly moduleId: string | null;
  /** What was wrong with a dropped one. */
  readonly problem?: string;
}

/** Steady load on one function, sent at a fixed rate whether or not earlier requests have been answered. */
export interface Load {
  readonly samples: readonly Sample[];
  /** Milliseconds since the load began. */
  elapsedMs(): number;
  /** Sends nothing more and resolves when every request sent has ended. */
  stop(): Promise<void>;
}

const tickMs = 10;
const requestTimeoutMs = 10_000;

/**
 * Calls a module's function through the gateway with keep-alive connections and checks each answer. A request counts as
 * dropped when it gets no answer, another status than 200, or a result that the check refuses.
 */
export function startLoad(options: {
  readonly url: string;
  readonly token: string;
  readonly moduleName: string;
  readonly functionName: string;
  readonly args: readonly string[];
  readonly requestsPerSecond: number;
  readonly isRight: (result: unknown) => boolean;
}): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const target = new URL(
    `/api/v1/wasm/modules/${options.moduleName}/functions/${options.functionName}/invoke`,
    options.url,
  );
  const body = JSON.stringify({ args: options.args });
  const headers = {
    authorization: `Bearer ${options.token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  const samples: Sample[] = [];
  const began = performance.now();
  const inFlight = new Set<Promise<void>>();

  const send = (): void => {
    const sentAt = performance.now();
    const done = callOnce(target, agent, headers, body, options.isRight).then((answer) => {
      samples.push({ atMs: sentAt - began, latencyMs: performance.now() - sentAt, ...answer });
      inFlight.delete(done);
    });
    inFlight.add(done);
  };

  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1_000) * options.requestsPerSecond);
    for (; sent < due; sent++) send();
  }, tickMs);

  return {
    samples,
    elapsedMs: () => performance.now() - began,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(inFlight);
      agent.destroy();
    },
  };
}

type Answer = Pick<Sample, 'moduleId' | 'problem'>;

function callOnce(
  target: URL,
  agent: Agent,
  headers: Record<string, string | number>,
  body: string,
  isRight: (result: unknown) => boolean,
): Promise<Answer> {
  return new Promise((resolve) => {
    const dropped = (problem: string): void => {
      resolve({ moduleId: null, problem });
    };
    const call = request(target, { method: 'POST', agent, headers, timeout: requestTimeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => {
        dropped(error.message);
      });
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve(
          response.statusCode === 200
            ? readAnswer(text, isRight)
            : { moduleId: null, problem: `${String(response.statusCode)} ${text.slice(0, 300)}` },
        );
      });
    });
    call.on('timeout', () => call.destroy(new Error('no answer in time')));
    call.on('error', (error) => {
      dropped(error.message);
    });
    call.end(body);
  });
}

function readAnswer(text: string, isRight: (result: unknown) => boolean): Answer {
  const answer = JSON.parse(text) as { result?: unknown; moduleId: string };
  return isRight(answer.result)
    ? { moduleId: answer.moduleId }
    : { moduleId: null, problem: `unexpected result ${JSON.stringify(answer.result)}` };
}
