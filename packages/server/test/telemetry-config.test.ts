import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadServerConfig } from '../src/config/load.ts';

describe('configuration of metrics and traces', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-telemetry-config-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const load = async (content: object, env: NodeJS.ProcessEnv = {}) => {
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify(content));
    return loadServerConfig(['--config', file], env);
  };

  it('serves metrics and traces nothing by default', async () => {
    const config = await load({});
    expect(config).toMatchObject({ metricsEnabled: true, metricsPath: '/metrics', traceSampleRatio: 1 });
    expect(config.otlpEndpoint).toBeUndefined();
  });

  it('takes the names of WasmWiz for metrics', async () => {
    expect(await load({}, { PROMETHEUS_ENABLED: 'false', METRICS_ENDPOINT: '/internal/metrics' })).toMatchObject({
      ...{ metricsEnabled: false, metricsPath: '/internal/metrics' },
    });
    await expect(load({}, { METRICS_ENDPOINT: '/api/v1/metrics' })).rejects.toMatchObject({
      code: 'HS_CONFIG_INVALID',
    });
  });

  it('takes an OTLP receiver under either name of the section OpenTelemetry', async () => {
    for (const name of ['OtlpEndpoint', 'JaegerEndpoint'])
      expect(await load({ OpenTelemetry: { [name]: 'http://jaeger:4318' } })).toMatchObject({
        otlpEndpoint: 'http://jaeger:4318',
      });
    expect(await load({}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' })).toMatchObject({
      otlpEndpoint: 'http://collector:4318',
    });
  });

  it.each(['http://localhost:14268/api/traces', 'http://localhost:14250', 'https://localhost/api/traces'])(
    'refuses the old address %s and says what to write instead',
    async (address) => {
      await expect(load({ OpenTelemetry: { JaegerEndpoint: address } })).rejects.toThrow(
        /OpenTelemetry\.JaegerEndpoint.*write OpenTelemetry\.OtlpEndpoint https?:\/\/localhost:4318/,
      );
    },
  );
});
