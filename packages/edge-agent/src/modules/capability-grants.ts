import type { Capabilities, DesiredRelease, NetworkPolicy, WasiPolicy } from '@hotswap/core';
import { agentError } from '../error-codes.ts';

/**
 * What this node lets modules have beyond computing. Everything absent is denied.
 * @public
 */
export interface CapabilityGrants {
  /** Names of environment variables that a release may set; `*` at the end matches any rest. */
  readonly env: readonly string[];
  /** Folders of this host by the name that releases use for them. */
  readonly dirs: Readonly<Record<string, { readonly path: string; readonly readOnly: boolean }>>;
  /**
   * Hosts that modules may reach: `api.example.com`, `*.example.com` for any subdomain, `*` for all. One that names a
   * scheme or a port (`https://api.example.com`, `api.example.com:8443`) grants these alone.
   */
  readonly allowedHosts: readonly string[];
  /** Whether these hosts may be in a private network, on this machine too. */
  readonly privateAddresses: boolean;
}

/** Grants nothing. @public */
export const noGrants: CapabilityGrants = {
  env: [],
  dirs: {},
  allowedHosts: [],
  privateAddresses: false,
};

/**
 * The policy a release runs under: what it asks for, as far as the node grants it. String members of its configuration
 * are environment variables too; they need no grant, being the release's own.
 * @throws HS_AGENT_CAPABILITY_DENIED when it asks for more: a module without what it needs must not take traffic.
 * @internal
 */
export function grantedPolicy(release: DesiredRelease, grants: CapabilityGrants): WasiPolicy {
  const asked = release.capabilities;
  for (const name of Object.keys(asked.env)) {
    if (!grants.env.some((pattern) => matchesName(pattern, name)))
      throw denied(`the environment variable ${name}`, 'Env');
  }
  const configured = Object.entries(release.config).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    env: { ...Object.fromEntries(configured), ...asked.env },
    dirs: asked.dirs.map((dir) => grantedDir(dir, grants)),
  };
}

/**
 * The hosts that a release may reach: those it asks for, all of which the node must grant. `undefined`: none.
 * @throws HS_AGENT_CAPABILITY_DENIED
 * @internal
 */
export function grantedNetwork(release: DesiredRelease, grants: CapabilityGrants): NetworkPolicy | undefined {
  const { allowedHosts } = release.capabilities;
  for (const host of allowedHosts) {
    if (!grants.allowedHosts.some((granted) => covers(granted, host))) throw denied(`the host ${host}`, 'AllowedHosts');
  }
  if (allowedHosts.length === 0) return undefined;
  return { allowedHosts, allowPrivateAddresses: grants.privateAddresses };
}

function grantedDir(
  dir: Capabilities['dirs'][number],
  grants: CapabilityGrants,
): NonNullable<WasiPolicy['dirs']>[number] {
  const granted = Object.hasOwn(grants.dirs, dir.name) ? grants.dirs[dir.name] : undefined;
  if (granted === undefined) throw denied(`the folder ${dir.name}`, 'Dirs');
  if (granted.readOnly && !dir.readOnly) throw denied(`writing to the folder ${dir.name}`, 'Dirs');
  return { hostPath: granted.path, guestPath: dir.guestPath, readOnly: dir.readOnly };
}

function matchesName(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** Whether all that the second pattern stands for is within the first. */
function covers(granted: string, asked: string): boolean {
  const [grant, wish] = [readPattern(granted), readPattern(asked)];
  return (
    (grant.scheme === undefined || grant.scheme === wish.scheme) &&
    (grant.port === undefined || grant.port === '*' || grant.port === wish.port) &&
    matchesHost(grant.host, wish.host)
  );
}

function readPattern(pattern: string): { scheme: string | undefined; host: string; port: string | undefined } {
  const [, scheme, host = '', port] = /^(?:(\w+):\/\/)?(.*?)(?::(\d+|\*))?\/?$/.exec(pattern.toLowerCase()) ?? [];
  return { scheme, host, port };
}

function matchesHost(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function denied(capability: string, key: string): Error {
  return agentError('HS_AGENT_CAPABILITY_DENIED', { capability, key });
}
