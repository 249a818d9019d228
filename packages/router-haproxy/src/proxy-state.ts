/** A server of a backend as HAProxy has it. @internal */
export interface ProxyServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** 0-256. */
  readonly weight: number;
  /** Takes part: not put into maintenance. */
  readonly isEnabled: boolean;
  /** Takes requests only while no other server of the backend can be reached. */
  readonly isSpare: boolean;
}

/** What HAProxy does now. @internal */
export interface ProxyState {
  /** Servers by backend, in the order of the template. */
  readonly backends: ReadonlyMap<string, readonly ProxyServer[]>;
  /** Values of the map by key. */
  readonly map: ReadonlyMap<string, string>;
}

/**
 * Forced, inherited and by its name: something holds the server in maintenance. `0x04` only says that it was `disabled` in
 * the configuration, and stays when it has been made ready since.
 */
const maintenanceBits = 0x01 | 0x02 | 0x20;

/** Reads the answers of `show servers state` and `show map`. @internal */
export function readProxyState(servers: string, map: string): ProxyState {
  const lines = servers.split('\n');
  const columns = (lines.find((line) => line.startsWith('# '))?.slice(2) ?? '').trim().split(' ');
  const at = (name: string): number => columns.indexOf(name);
  const [backend, server, address, port, weight, admin] = [
    at('be_name'),
    at('srv_name'),
    at('srv_addr'),
    at('srv_port'),
    at('srv_uweight'),
    at('srv_admin_state'),
  ] as [number, number, number, number, number, number];
  const backends = new Map<string, ProxyServer[]>();
  for (const line of lines) {
    const cells = line.trim().split(' ');
    const name = cells[backend] ?? '';
    if (line.startsWith('#') || !name.startsWith('hotswap_')) continue;
    const servers = backends.get(name) ?? [];
    backends.set(name, servers);
    servers.push({
      name: cells[server] ?? '',
      isSpare: cells[server]?.startsWith('spare') === true,
      address: cells[address] ?? '',
      port: Number(cells[port]),
      weight: Number(cells[weight]),
      isEnabled: (Number(cells[admin]) & maintenanceBits) === 0,
    });
  }
  return { backends, map: readMap(map) };
}

/** Each line is an address in memory, a key and a value. */
function readMap(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split('\n')
      .map((line) => line.trim().split(' '))
      .filter((cells) => cells.length === 3)
      .map(([, key, value]) => [key as string, value as string]),
  );
}
