import { connect } from 'node:net';
import type { HotSwapError } from '@hotswap/core';
import { haproxyError } from './error-codes.ts';
import type { ProxyCommand } from './proxy-command.ts';

/** A command that HAProxy did not carry out. @internal */
export interface Refusal {
  readonly module: string | null;
  readonly error: HotSwapError;
}

const timeoutMs = 5_000;
/** HAProxy reads a line into one buffer of 16 kB. */
const maxLineBytes = 12_000;

/** HAProxy's runtime API: one line of commands per connection. @internal */
export class RuntimeApi {
  readonly #address: string;

  /** @param address a path of a Unix socket, or `host:port` */
  constructor(address: string) {
    this.#address = address;
  }

  /** Asks for something. @throws HS_ROUTE_PROXY_UNREACHABLE */
  async ask(command: string): Promise<string> {
    return this.#send(command);
  }

  /**
   * Carries out commands that answer nothing when all is well, many in one line so that little time passes between them.
   * One that is refused does not keep others from being told.
   * @returns those that were refused, with HS_ROUTE_PROXY_REFUSED
   * @throws HS_ROUTE_PROXY_UNREACHABLE
   */
  async tell(commands: readonly ProxyCommand[]): Promise<readonly Refusal[]> {
    const refusals: Refusal[] = [];
    for (const line of linesOf(commands)) {
      const answer = (await this.#send(line.map(({ text }) => text).join(';'))).trim();
      if (answer === '' || isNews(answer)) continue;
      // Which of them it was is found out by telling them one by one: all of them may be repeated.
      for (const { module, text: command } of line) {
        const one = (await this.#send(command)).trim();
        if (one !== '' && !isNews(one))
          refusals.push({ module, error: haproxyError('HS_ROUTE_PROXY_REFUSED', { command, answer: one }) });
      }
    }
    return refusals;
  }

  #send(line: string): Promise<string> {
    const address = this.#address;
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = address.startsWith('/')
        ? connect(address)
        : connect(Number(address.slice(address.lastIndexOf(':') + 1)), address.slice(0, address.lastIndexOf(':')));
      const fail = (why: string): void => {
        socket.destroy();
        reject(haproxyError('HS_ROUTE_PROXY_UNREACHABLE', { address, why }));
      };
      socket.setEncoding('utf8').setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs / 1_000} s`));
      socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      socket.on('data', (text: string) => (answer += text));
      socket.on('end', () => resolve(answer));
      socket.write(`${line}\n`);
    });
  }
}

/** What is no refusal: HAProxy tells of a changed address on success. It says the same way that one cannot be. */
function isNews(answer: string): boolean {
  return answer
    .split('\n')
    .map((line) => line.trim())
    .every((line) => line === '' || (news.test(line) && !/invalid|can(?:no|')t|error/i.test(line)));
}
const news = /^(?:IP changed|no need to change the addr|port changed)/;

function linesOf(commands: readonly ProxyCommand[]): readonly (readonly ProxyCommand[])[] {
  const lines: ProxyCommand[][] = [];
  let bytes = Infinity;
  for (const command of commands) {
    if (bytes + command.text.length + 1 > maxLineBytes) {
      lines.push([]);
      bytes = 0;
    }
    lines.at(-1)?.push(command);
    bytes += command.text.length + 1;
  }
  return lines;
}
