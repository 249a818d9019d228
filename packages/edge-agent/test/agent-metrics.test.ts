import { latencyBucket } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { AgentMetrics } from '../src/metrics/agent-metrics.ts';
import { CallMetrics } from '../src/metrics/call-metrics.ts';
import { LoadTimes } from '../src/modules/load-times.ts';
import { MetricsListener } from '../src/metrics/metrics-listener.ts';

function scene() {
  const calls = new CallMetrics();
  const loads = new LoadTimes();
  const metrics = new AgentMetrics({
    config: { nodeId: 'edge-1', region: 'eu-central', runtime: 'Wasmtime', dataDirectory: '.' },
    version: '1.2.3',
    runtimeVersion: '46.0.1',
    calls,
    loads,
    observe: () => ({ generation: 7, releases: [{ moduleName: 'greeter', releaseId: 'r1', state: 'ready' }] }),
  });
  return { calls, loads, metrics };
}

describe('AgentMetrics', () => {
  it('counts calls once, whether a report or a scrape comes first', async () => {
    const { calls, metrics } = scene();
    const recorder = calls.recorder('greeter', 'r1', () => ({ peakMemoryBytes: 131_072, memoryRefusals: 0 }));
    recorder.record(2, 'ok');
    recorder.record(8, 'crash');
    expect(await metrics.text()).toContain('wasm_node_calls_total{module="greeter",outcome="ok"} 1\n');
    recorder.record(2, 'error');
    const [delta, ...others] = calls.take();
    expect(others).toEqual([]);
    expect(delta).toMatchObject({
      calls: 3,
      errors: 2,
      crashes: 1,
      latencySumMs: 12,
      latencyBuckets: { [latencyBucket(2)]: 2 },
    });
    const text = await metrics.text();
    expect(text).toContain('wasm_node_calls_total{module="greeter",outcome="error"} 1\n');
    expect(text).toContain('wasm_node_calls_total{module="greeter",outcome="crash"} 1\n');
    expect(text).toContain('wasm_node_call_duration_seconds_bucket{module="greeter",le="0.005"} 2\n');
    expect(text).toContain('wasm_node_call_duration_seconds_count{module="greeter"} 3\n');
    expect(text).toContain('wasm_node_module_peak_memory_bytes{module="greeter"} 131072\n');
    expect(calls.take()).toEqual([]);
  });

  it('keeps one delta for each release however often it is scraped while no report goes out', async () => {
    const { calls, metrics } = scene();
    const recorder = calls.recorder('greeter', 'r1', () => ({ peakMemoryBytes: 0, memoryRefusals: 0, metrics: {} }));
    for (let scrape = 0; scrape < 50; scrape++) {
      recorder.record(1, 'ok');
      await metrics.text();
    }
    expect(calls.take()).toMatchObject([{ releaseId: 'r1', calls: 50, latencySumMs: 50 }]);
  });

  it('tells of the node, its releases, its loads and its machine', async () => {
    const { loads, metrics } = scene();
    await loads.measure(() => Promise.resolve('loaded'));
    await loads.measure(() => Promise.reject(new TypeError('no module'))).catch(() => undefined);
    const text = await metrics.text();
    expect(text).toContain(
      'wasm_node_info{node="edge-1",region="eu-central",zone="",runtime="Wasmtime",runtime_version="46.0.1"} 1',
    );
    expect(text).toContain('wasm_node_releases{state="ready"} 1');
    expect(text).toContain('wasm_node_applied_generation 7');
    expect(text).toContain('wasm_node_module_load_duration_seconds_count 1');
    expect(text).toContain('wasm_node_module_load_failures_total 1');
    for (const name of [
      'cpu_seconds_total',
      'memory_available_bytes',
      'disk_available_bytes',
      'network_receive_bytes_total',
    ])
      expect(text).toMatch(new RegExp(`^wasm_host_${name}(?:\\{[^}]*\\})? \\d`, 'm'));
    expect(Object.values(loads.take()?.buckets ?? {})).toEqual([1]);
    expect(loads.take()).toBeUndefined();
  });
});

describe('MetricsListener', () => {
  it('answers GET /metrics on loopback and nothing else', async () => {
    await using listener = await MetricsListener.open(scene().metrics, '127.0.0.1', 0);
    const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${listener.port}${path}`, { method });
    const answer = await ask('/metrics');
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain('wasm_build_info{program="agent",version="1.2.3"');
    expect((await ask('/')).status).toBe(404);
    expect((await ask('/metrics', 'POST')).status).toBe(405);
    await expect(MetricsListener.open(scene().metrics, '127.0.0.1', listener.port)).rejects.toMatchObject({
      code: 'HS_AGENT_CONFIG_INVALID',
    });
  });
});
