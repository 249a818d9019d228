import { Agent, request } from 'node:http';
import type { Answer, Caller } from './callers.ts';

/** One answered or failed request. */
export interface Sample extends Answer {
  /** Which of the callers sent it. */
  readonly caller: string;
  /** Milliseconds since the load began, at the moment it was sent. */
  readonly atMs: number;
  readonly latencyMs: number;
}

/** Steady load, sent at fixed rates whether or not earlier requests have been answered. */
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
 * Sends what the callers make, over connections that are kept, and checks each answer. A request counts as dropped when
 * it gets no answer, or one that its caller refuses.
 */
export function startLoad(callers: readonly Caller[]): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const samples: Sample[] = [];
  const began = performance.now();
  const inFlight = new Set<Promise<void>>();

  const send = (caller: Caller, index: number): void => {
    const sentAt = performance.now();
    const done = callOnce(caller, index, agent).then((answer) => {
      samples.push({ caller: caller.name, atMs: sentAt - began, latencyMs: performance.now() - sentAt, ...answer });
      inFlight.delete(done);
    });
    inFlight.add(done);
  };

  const sent = callers.map(() => 0);
  const timer = setInterval(() => {
    callers.forEach((caller, at) => {
      const due = Math.floor(((performance.now() - began) / 1_000) * caller.requestsPerSecond);
      for (let index = sent[at] ?? 0; index < due; index++) send(caller, index);
      sent[at] = due;
    });
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

function callOnce(caller: Caller, index: number, agent: Agent): Promise<Answer> {
  const { url, method, headers, body } = caller.make(index);
  return new Promise((resolve) => {
    const dropped = (problem: string): void => {
      resolve({ moduleId: null, problem });
    };
    const call = request(url, { method, agent, headers, timeout: requestTimeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => {
        dropped(error.message);
      });
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(caller.read(text));
        else dropped(`${String(response.statusCode)} ${text.slice(0, 300)}`);
      });
    });
    call.on('timeout', () => call.destroy(new Error('no answer in time')));
    call.on('error', (error) => {
      dropped(error.message);
    });
    call.end(body);
  });
}
