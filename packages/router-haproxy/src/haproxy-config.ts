import {
  haproxyMatches,
  haproxyPools,
  matchBackend,
  poolSizes,
  type HaproxyMatch,
  type HaproxyPool,
  type HaproxyPools,
} from './haproxy-pools.ts';
import { anyValue, matchKeyBegin, noRank } from './match-entry.ts';
import { maxVersions, scale } from './route-entry.ts';

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
 * @throws HS_ROUTE_PROXY_NAME
 * @public
 */
export function haproxyConfig(options: HaproxyConfigOptions): string {
  const { bind, socket, mapFile } = options;
  const { backends } = poolSizes(options);
  const pools = haproxyPools(options);
  const matches = haproxyMatches(options);
  const all = pools.flatMap(({ prefix }) =>
    Array.from({ length: backends }, (_, i) => backend(`${prefix}${i + 1}`, options)),
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
    frontend(bind, mapFile, pools, matches),
    `backend hotswap_none
  http-request return status 404 content-type application/problem+json string '{"type":"about:blank","title":"No route","status":404,"code":"HS_ROUTE_NOT_FOUND","detail":"No module is public under this host and path"}'`,
    ...matches.map(
      ({ source }) => `# Says that there are rules for it; nothing comes here.
backend ${matchBackend(source)}
  server none 127.0.0.1:1 disabled`,
    ),
    ...all,
    '',
  ].join('\n\n');
}

/**
 * Three looks into one map: the host itself, `*.` and its parent, any host; each finds the longest prefix. Keys and what
 * is looked for end in a slash, so that a prefix matches whole segments. What is found names the versions of a module:
 * the client gets the one whose stretch its point is in, and the node is told which one that is.
 */
function frontend(
  bind: string,
  mapFile: string,
  pools: readonly HaproxyPool[],
  matches: readonly HaproxyMatch[],
): string {
  const looks = ['any', 'parent', 'exact'].map((name) => `var(txn.hotswap_${name}),map_beg(${mapFile})`);
  const keys = pools.flatMap(({ prefix, key }) =>
    key === undefined
      ? []
      : `  http-request set-var(txn.hotswap_key) ${key} if { var(txn.hotswap_route) -m reg =${literal(prefix)}[0-9]+= } { ${key} -m found }`,
  );
  const versions = Array.from(
    { length: maxVersions },
    (_, i) => `var(txn.hotswap_route),word(${maxVersions + 1 - i},|)`,
  );
  return `frontend hotswap
  bind ${bind}
  # What is found under host and path: <module>|<end of the first version's stretch>=<backend>=<version>|...
  http-request set-var(txn.hotswap_path) path
  http-request set-var(txn.hotswap_host) req.hdr(host),field(1,:),lower
  http-request set-var(txn.hotswap_exact) var(txn.hotswap_host),concat(,txn.hotswap_path,/)
  http-request set-var(txn.hotswap_parent) var(txn.hotswap_host),regsub(^[^.]*,*),concat(,txn.hotswap_path,/)
  http-request set-var(txn.hotswap_any) str(),concat(,txn.hotswap_path,/)
${looks.map((look) => `  http-request set-var(txn.hotswap_route) ${look} if { ${look} -m found }`).join('\n')}
  # Who the client is: its address, or what the module goes by.
  http-request set-var(txn.hotswap_key) src,concat()
${keys.map((line) => `${line}\n`).join('')}  # Where on the scale of shares it is, for this module and for good.
  http-request set-var(txn.hotswap_name) var(txn.hotswap_route),word(1,|)
  http-request set-var(txn.hotswap_point) var(txn.hotswap_key),concat(|,txn.hotswap_name),xxh32,mod(${scale})
  # The first version whose stretch ends beyond that point; it stands in the last line that fits.
${versions.map((version) => `  http-request set-var(txn.hotswap_version) ${version} if { ${version},field(1,=),sub(txn.hotswap_point) gt 0 }`).join('\n')}
${matchRules(mapFile, matches)}  # Only what HAProxy says of where a request comes from reaches a node. Who stands before it has to be asked for by rules of yours.
  http-request del-header x-forwarded- -m beg
  http-request del-header x-hotswap- -m beg
  http-request del-header forwarded
  http-request set-header x-forwarded-for %[src]
  http-request set-header x-forwarded-proto %[ssl_fc,iif(https,http)]
  http-request set-header x-forwarded-host %[req.fhdr(host)] if { req.fhdr(host) -m found }
  http-request set-header x-hotswap-version %[var(txn.hotswap_version),field(3,=)]
  use_backend %[var(txn.hotswap_version),field(2,=)] if { var(txn.hotswap_version) -m found }
  default_backend hotswap_none`;
}

/**
 * Two looks into the same map for each header and cookie that a request has: for its value and for any. What is found has
 * a rank, and the lowest one holds.
 */
function matchRules(mapFile: string, matches: readonly HaproxyMatch[]): string {
  if (matches.length === 0) return '';
  const rules = matches.flatMap(({ source, sample }) => {
    const isSent = `{ ${sample},length gt 0 }`;
    const [before = '', after = ''] = matchKeyBegin('\n', source).split('\n');
    const isBest = `${isSent} { var(txn.hotswap_look),field(1,=),sub(txn.hotswap_rank) lt 0 }`;
    const look = (end: string): readonly string[] => [
      `set-var(txn.hotswap_look) str(${before}),concat(,txn.hotswap_name,${after}),concat(${end}),map_str(${mapFile},-|${noRank}=),word(2,|) if ${isSent}`,
      `set-var(txn.hotswap_match) var(txn.hotswap_look) if ${isBest}`,
      `set-var(txn.hotswap_rank) var(txn.hotswap_look),field(1,=) if ${isBest}`,
    ];
    return [
      ...look(anyValue),
      `set-var(txn.hotswap_value) ${sample},base64 if ${isSent}`,
      ...look(',txn.hotswap_value'),
    ];
  });
  return [
    '  # A header or cookie that brings requests to a version, whatever its share: of those that fit the first one holds.',
    `  http-request set-var(txn.hotswap_rank) int(${noRank})`,
    ...rules.map((rule) => `  http-request ${rule}`),
    '  http-request set-var(txn.hotswap_version) var(txn.hotswap_match) if { var(txn.hotswap_match) -m found }',
    '',
  ].join('\n');
}

/** As a part of a regular expression. */
const literal = (text: string): string => text.replaceAll('.', '[.]');

/**
 * One version of a module. Its clients are spread over a ring of its nodes by their keys. While none of them can be
 * reached, nodes with other versions stand in: a node that lacks what it is asked for answers by what it has.
 */
function backend(name: string, options: HaproxyConfigOptions): string {
  const { servers, spares } = poolSizes(options);
  const tls = options.nodeCaFile === undefined ? '' : ` ssl verify required ca-file ${options.nodeCaFile}`;
  return `backend ${name}
  balance hash var(txn.hotswap_key)
  hash-type consistent
  option allbackups
  default-server check inter 2s fall 2 rise 1 maxconn 1000 observe layer4 error-limit 1 on-error mark-down${tls}
  server-template s 1-${servers} 127.0.0.1:1 disabled
  server-template spare 1-${spares} 127.0.0.1:1 disabled backup`;
}
