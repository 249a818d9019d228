import { readFile } from 'node:fs/promises';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadServerConfig } from '@hotswap/server';

const deploy = fileURLToPath(new URL('../../../deploy/', import.meta.url));

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly environment?: Readonly<Record<string, string>>;
        readonly networks?: Readonly<Record<string, { readonly ipv4_address?: string }>>;
      }
    >
  >;
  readonly networks?: Readonly<
    Record<string, { readonly ipam?: { readonly config?: readonly { subnet: string; ip_range: string }[] } }>
  >;
}

const holds = (network: string, address: string): boolean => {
  const [base = '', bits] = network.split('/');
  const list = new BlockList();
  list.addSubnet(base, Number(bits));
  return list.check(address);
};

describe('the server behind nginx in docker-compose.production.yml', () => {
  it('believes nginx where a request came from, and nobody else', async () => {
    const compose = parse(await readFile(join(deploy, 'docker-compose.production.yml'), 'utf8')) as Compose;
    const address = compose.services['nginx']?.networks?.['default']?.ipv4_address ?? '';
    const trusted = compose.services['wasm-orchestrator']?.environment?.['HOTSWAP_TRUSTED_PROXIES'] ?? '';
    const { trustedProxies } = await loadServerConfig([], { HOTSWAP_TRUSTED_PROXIES: trusted });
    expect(trustedProxies).toEqual([address]);
    // The address is nginx's for good: the others get theirs from a part of the network that it is not in.
    const [network] = compose.networks?.['default']?.ipam?.config ?? [];
    expect(holds(network?.subnet ?? '', address)).toBe(true);
    expect(holds(network?.ip_range ?? '', address)).toBe(false);
  });

  it('is found by nginx after an update too: a name is looked up once, so the address stays', async () => {
    const compose = parse(await readFile(join(deploy, 'docker-compose.production.yml'), 'utf8')) as Compose;
    const addressOf = (service: string): string =>
      compose.services[service]?.networks?.['default']?.ipv4_address ?? expect.unreachable(service);
    const [network] = compose.networks?.['default']?.ipam?.config ?? [];
    expect(holds(network?.subnet ?? '', addressOf('wasm-orchestrator'))).toBe(true);
    expect(holds(network?.ip_range ?? '', addressOf('wasm-orchestrator'))).toBe(false);
    expect(addressOf('wasm-orchestrator')).not.toBe(addressOf('nginx'));
  });

  it('is what Prometheus beside it scrapes: in a container, localhost is that container', async () => {
    const compose = parse(await readFile(join(deploy, 'docker-compose.production.yml'), 'utf8')) as Compose;
    const { scrape_configs: jobs } = parse(await readFile(join(deploy, 'prometheus', 'prometheus.yml'), 'utf8')) as {
      readonly scrape_configs: readonly {
        readonly static_configs: readonly { readonly targets: readonly string[] }[];
      }[];
    };
    const targets = jobs.flatMap((job) => job.static_configs.flatMap((config) => config.targets));
    expect(targets).toEqual(['wasm-orchestrator:5000']);
    expect(Object.keys(compose.services)).toContain('wasm-orchestrator');
  });

  it('hears from nginx the address and the scheme, whatever the client said of the latter', async () => {
    const nginx = await readFile(join(deploy, 'nginx', 'nginx.conf'), 'utf8');
    expect(nginx).toMatch(/proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;/);
    expect(nginx).toMatch(/proxy_set_header X-Forwarded-Proto \$scheme;/);
  });
});
