import { connect } from 'node:net';
import { haproxyError } from './error-codes.ts';

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
   * @throws HS_ROUTE_PROXY_UNREACHABLE, HS_ROUTE_PROXY_REFUSED
   */
  async tell(commands: readonly string[]): Promise<void> {
    for (const line of linesOf(commands)) {
      const answer = (await this.#send(line.join(';'))).trim();
      if (answer === '' || isNews(answer)) continue;
      // Which of them it was is found out by telling them one by one: all of them may be repeated.
      for (const command of line) {
        const one = (await this.#send(command)).trim();
        if (one !== '' && !isNews(one)) throw haproxyError('HS_ROUTE_PROXY_REFUSED', { command, answer: one });
      }
    }
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

/** What is no refusal: HAProxy tells of a changed address on success. */
function isNews(answer: string): boolean {
  return answer
    .split('\n')
    .every(
      (line) =>
        line.trim() === '' ||
        /^(?:IP changed|no need to change the addr|port changed|.* by 'stats socket)/.test(line.trim()),
    );
}

function linesOf(commands: readonly string[]): readonly (readonly string[])[] {
  const lines: string[][] = [];
  let bytes = Infinity;
  for (const command of commands) {
    if (bytes + command.length + 1 > maxLineBytes) {
      lines.push([]);
      bytes = 0;
    }
    lines.at(-1)?.push(command);
    bytes += command.length + 1;
  }
  return lines;
}
