import { haproxyPools, poolSizes, type HaproxyPools } from './haproxy-pools.ts';

/** @public */
export interface HaproxyConfigOptions extends HaproxyPools {
  /** Address of the frontend as `bind` takes it, e.g. `:443 ssl crt /etc/haproxy/certs` or `127.0.0.1:8080`. */
  readonly bind: string;
  /** Runtime API: a path of a Unix socket, or `host:port` on loopback. */
  readonly socket: string;
  /** Map of hosts and paths to backends: a file that exists; may be empty. The adapter fills it while HAProxy runs. */
  readonly mapFile: string;
  /** File with the certificates that nodes are trusted by, for public ports with TLS. Absent: plain HTTP to nodes. */
  readonly nodeCaFile?: string;
}

/**
 * A whole configuration of HAProxy 2.6 or newer that the adapter can drive; take what you need of it into your own. The
 * names of backends, servers and the map are the adapter's; time limits and the frontend are yours.
 * @public
 */
export function haproxyConfig(options: HaproxyConfigOptions): string {
  const { bind, socket, mapFile } = options;
  const { backends } = poolSizes(options);
  const pools = haproxyPools(options).flatMap(({ prefix, key }) =>
    Array.from({ length: backends }, (_, i) => backend(`${prefix}${i + 1}`, key, options)),
  );
  return [
    `global
  stats socket ${socket.startsWith('/') ? `${socket} mode 600` : socket} level admin
  stats timeout 30s`,
    `defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 65s
  timeout http-request 10s
  # A node that cannot be connected to has not taken the request: another one is asked. Nothing else is sent twice.
  retries 2
  retry-on conn-failure
  option redispatch 1`,
    frontend(bind, mapFile),
    `backend hotswap_none
  http-request return status 404 content-type application/problem+json string '{"type":"about:blank","title":"No route","status":404,"code":"HS_ROUTE_NOT_FOUND","detail":"No module is public under this host and path"}'`,
    ...pools,
    '',
  ].join('\n\n');
}

/**
 * Three looks into one map: the host itself, `*.` and its parent, any host; each finds the longest prefix. Keys and what
 * is looked for end in a slash, so that a prefix matches whole segments.
 */
function frontend(bind: string, mapFile: string): string {
  const looks = ['hotswap_exact', 'hotswap_parent', 'hotswap_any'];
  const rules = looks.map(
    (name) =>
      `  use_backend %[var(txn.${name}),map_beg(${mapFile})] if { var(txn.${name}),map_beg(${mapFile}) -m found }`,
  );
  return `frontend hotswap
  bind ${bind}
  option forwardfor
  http-request set-var(txn.hotswap_path) path
  http-request set-var(txn.hotswap_host) req.hdr(host),field(1,:),lower
  http-request set-var(txn.hotswap_exact) var(txn.hotswap_host),concat(,txn.hotswap_path,/)
  http-request set-var(txn.hotswap_parent) var(txn.hotswap_host),regsub(^[^.]*,*),concat(,txn.hotswap_path,/)
  http-request set-var(txn.hotswap_any) str(),concat(,txn.hotswap_path,/)
${rules.join('\n')}
  default_backend hotswap_none`;
}

/**
 * Clients are spread over a ring by their key: a node whose weight grows only takes clients over, so a client that is on
 * the new version stays there while its share grows.
 */
function backend(name: string, key: string | undefined, options: HaproxyConfigOptions): string {
  const { servers } = poolSizes(options);
  const tls = options.nodeCaFile === undefined ? '' : ` ssl verify required ca-file ${options.nodeCaFile}`;
  const named = key === undefined ? '' : `\n  http-request set-var(txn.hotswap_key) ${key} if { ${key} -m found }`;
  return `backend ${name}
  balance hash var(txn.hotswap_key)
  hash-type consistent
  http-request set-var(txn.hotswap_key) src,concat()${named}
  default-server check inter 2s fall 2 rise 1 maxconn 1000${tls}
  server-template s 1-${servers} 127.0.0.1:1 disabled`;
}
