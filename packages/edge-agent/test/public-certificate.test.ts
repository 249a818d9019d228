import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpCertificate } from '@hotswap/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PublicCertificate } from '../src/fronts/public-certificate.ts';

describe('PublicCertificate', () => {
  let folder: string;
  let certificate: PublicCertificate;
  const troubles: unknown[] = [];
  const renewals: HttpCertificate[] = [];
  const write = async (cert: string, key: string): Promise<void> => {
    await writeFile(join(folder, 'cert.pem'), cert);
    await writeFile(join(folder, 'key.pem'), key);
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-certificate-'));
    troubles.length = renewals.length = 0;
    certificate = new PublicCertificate(join(folder, 'cert.pem'), join(folder, 'key.pem'), (error) =>
      troubles.push(error),
    );
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(async () => {
    certificate.unwatch();
    vi.useRealTimers();
    await rm(folder, { recursive: true, force: true });
  });

  it('hands over what the files hold now, when that has changed', async () => {
    await write('a', 'b');
    expect(await certificate.read()).toEqual({ certPem: 'a', keyPem: 'b' });
    certificate.watch((renewed) => renewals.push(renewed));
    await write('c', 'd');
    vi.advanceTimersByTime(30_000);
    await vi.waitFor(() => expect(renewals).toEqual([{ certPem: 'c', keyPem: 'd' }]));
  });

  it('keeps the old one, says so and tries again when the new one is refused', async () => {
    await write('a', 'b');
    await certificate.read();
    let isRefused = true;
    certificate.watch((renewed) => {
      if (isRefused) throw new Error('no certificate');
      renewals.push(renewed);
    });
    await write('c', 'd');
    vi.advanceTimersByTime(30_000);
    await vi.waitFor(() => expect(troubles).toHaveLength(1));
    isRefused = false;
    vi.advanceTimersByTime(30_000);
    await vi.waitFor(() => expect(renewals).toEqual([{ certPem: 'c', keyPem: 'd' }]));
  });

  it('names the file that cannot be read', async () => {
    await expect(certificate.read()).rejects.toMatchObject({ code: 'HS_AGENT_CONFIG_INVALID' });
  });
});
