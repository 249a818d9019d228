import { parseEntry } from '../src/route-entry.ts';
import type { ProxyPlan } from '../src/proxy-command.ts';
import type { ProxyServer, ProxyState } from '../src/proxy-state.ts';

const unused = { address: '127.0.0.1', port: 1, weight: 1, isEnabled: false };

/** Does what an HAProxy with the package's configuration does when it is told the commands of a plan. */
export class ModelProxy {
  readonly #backends = new Map<string, Map<string, ProxyServer>>();
  readonly #map = new Map<string, string>();

  constructor(backends: number, servers: number, spares: number) {
    const names = (prefix: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${prefix}${String(i + 1)}`);
    for (const backend of names('hotswap_address_', backends)) {
      const all = [...names('s', servers), ...names('spare', spares)];
      this.#backends.set(
        backend,
        new Map(all.map((name) => [name, { ...unused, name, isSpare: name.startsWith('spare') }])),
      );
    }
    this.#backends.set(
      'hotswap_match_header_x-tester',
      new Map([['none', { ...unused, name: 'none', isSpare: false }]]),
    );
  }

  get state(): ProxyState {
    const backends = new Map([...this.#backends].map(([name, servers]) => [name, [...servers.values()]]));
    return { backends, map: new Map(this.#map) };
  }

  obey({ prepare, weigh, map, retire }: ProxyPlan): void {
    for (const { text } of [...prepare, ...weigh, ...map, ...retire]) this.obeyCommand(text);
  }

  /** One line of the runtime API: `;` ends a command unless it is escaped. */
  obeyCommand(text: string): void {
    const commands = text.replaceAll(/\\(.)/g, (_, char: string) => encodeURIComponent(char)).split(';');
    for (const command of commands) this.#obey(command.split(' ').map(decodeURIComponent));
  }

  /** Version and port of the node that a client's request is sent to, as long as any node of the module lives. */
  choose(path: string, client: string, isAlive: (port: number) => boolean): { releaseId: string; port: number } {
    const { name, versions } = parseEntry(this.#map.get(path) ?? '');
    const point = Math.floor(unit(`${client}|${name}`) * 1_000_000);
    const version = versions.find(({ end }) => end > point);
    if (version === undefined) throw new Error(`nothing for ${String(point)} in ${this.#map.get(path) ?? 'no entry'}`);
    const alive = [...(this.#backends.get(version.backend)?.values() ?? [])].filter(
      ({ isEnabled, port }) => isEnabled && isAlive(port),
    );
    const first = alive.filter(({ isSpare }) => !isSpare);
    const [nearest] = (first.length > 0 ? first : alive).toSorted((a, b) => score(client, a) - score(client, b));
    if (nearest === undefined) throw new Error(`no server in ${version.backend}`);
    return { releaseId: version.releaseId, port: nearest.port };
  }

  #obey([verb, what, ...rest]: readonly string[]): void {
    if (what === 'map') {
      const [, key = '', value = ''] = rest;
      if (verb === 'del') this.#map.delete(key);
      else if ((verb === 'set') !== this.#map.has(key)) throw new Error(`${String(verb)} map: ${key}`);
      else this.#map.set(key, value);
      return;
    }
    if (what === 'health') return;
    const [path = '', ...change] = rest;
    const [backend = '', name = ''] = path.split('/');
    const server = this.#backends.get(backend)?.get(name);
    if (server === undefined || verb !== 'set') throw new Error(`no such server: ${path}`);
    this.#backends.get(backend)?.set(name, { ...server, ...changeOf(change) });
  }
}

function changeOf([kind, value = '', , port]: readonly string[]): Partial<ProxyServer> {
  if (kind === 'addr') return { address: value, port: Number(port) };
  return kind === 'weight' ? { weight: Number(value) } : { isEnabled: value === 'ready' };
}

const score = (client: string, { name, weight }: ProxyServer): number => -Math.log(unit(`${name}/${client}`)) / weight;

/** A number between 0 and 1 that follows from the text. */
export function unit(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 4_294_967_296;
}
