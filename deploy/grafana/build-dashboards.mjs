// `node deploy/grafana/build-dashboards.mjs`: writes the dashboards, so that they all look alike and each panel is one line.
import { mkdirSync, writeFileSync } from 'node:fs';

const datasource = { type: 'prometheus', uid: '${datasource}' };
const columns = 24;

/** `targets`: expressions with what their lines are called. `lines`: thresholds that are drawn. */
const panel = (
  title,
  unit,
  targets,
  { type = 'timeseries', width = 12, height = 8, lines = [], mappings = [] } = {},
) => ({
  title,
  type,
  datasource,
  width,
  height,
  fieldConfig: {
    defaults: {
      unit,
      min: 0,
      mappings,
      ...(lines.length === 0 ? {} : { custom: { thresholdsStyle: { mode: 'line' } } }),
      thresholds: {
        mode: 'absolute',
        steps: [
          { color: 'green', value: null },
          ...lines.map((value, at) => ({ color: at === lines.length - 1 ? 'red' : 'orange', value })),
        ],
      },
    },
    overrides: [],
  },
  options: type === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] } } : { legend: { displayMode: 'list' } },
  targets: Object.entries(targets).map(([legendFormat, expr], at) => ({
    refId: String.fromCharCode(65 + at),
    datasource,
    expr,
    legendFormat,
  })),
});

const quantiles = (bucket, by, quantile = (q) => `p${q * 100}`) =>
  Object.fromEntries(
    [0.5, 0.95, 0.99].map((q) => [
      quantile(q),
      `histogram_quantile(${q}, sum by (${by}) (rate(${bucket}[$__rate_interval])))`,
    ]),
  );

const job = 'job=~"$job"';
const api = `${job}, route!~".*/invoke|/api/v1/wasm/http/.*"`;

const dashboards = {
  'wasm-orchestrator': {
    title: 'WASM orchestrator',
    panels: [
      panel(
        'Healthy edge nodes',
        'percentunit',
        { healthy: `max(wasm_edge_nodes_healthy{${job}}) / max(wasm_edge_nodes_total{${job}})` },
        { type: 'stat', width: 6 },
      ),
      panel(
        'Deployments under way',
        'short',
        { active: `max(sum by (instance) (wasm_deployments_active{${job}, status=~"InProgress|Paused|RollingBack"}))` },
        { type: 'stat', width: 6 },
      ),
      panel(
        'Stuck deployments',
        'short',
        { stuck: `max(wasm_deployments_stuck{${job}})` },
        { type: 'stat', width: 6, lines: [1] },
      ),
      panel(
        'Registered module versions',
        'short',
        { modules: `max(wasm_modules{${job}})` },
        { type: 'stat', width: 6 },
      ),
      panel('Deployments per hour by end', 'short', {
        '{{status}}': `sum by (status) (increase(wasm_deployments_total{${job}}[1h]))`,
      }),
      panel(
        'Failed deployments',
        'percentunit',
        {
          failed: `sum(rate(wasm_deployments_failed_total{${job}}[5m])) / sum(rate(wasm_deployments_total{${job}}[5m]))`,
        },
        { lines: [0.1] },
      ),
      panel('Calls by module', 'reqps', {
        '{{module}}': `sum by (module) (rate(wasm_functions_invoked_total{${job}}[$__rate_interval]))`,
      }),
      panel('Calls that fail', 'percentunit', {
        '{{module}}': `sum by (module) (rate(wasm_functions_invoked_total{${job}, outcome!="ok"}[$__rate_interval])) / sum by (module) (rate(wasm_functions_invoked_total{${job}}[$__rate_interval]))`,
      }),
      panel('Function invocation latency', 's', quantiles(`wasm_function_invoke_duration_bucket{${job}}`, 'le'), {
        lines: [0.005],
      }),
      panel('Module load time', 's', quantiles(`wasm_module_load_duration_bucket{${job}}`, 'le'), { lines: [0.02] }),
      panel('Nodes by region and status', 'short', {
        '{{region}} {{status}}': `max by (region, status) (wasm_edge_nodes{${job}})`,
      }),
      panel('Memory of modules', 'bytes', { '{{module}}': `max by (module) (wasm_module_peak_memory_bytes{${job}})` }),
      panel('Refused memory', 'short', {
        '{{module}}': `sum by (module) (increase(wasm_module_memory_refusals_total{${job}}[5m]))`,
      }),
      panel('Reports of nodes', 'reqps', {
        '{{outcome}}': `sum by (outcome) (rate(wasm_heartbeats_total{${job}}[$__rate_interval]))`,
      }),
    ],
  },
  'application-overview': {
    title: 'Application overview',
    panels: [
      panel('Requests', 'reqps', { requests: `sum(rate(wasm_http_requests_total{${job}}[$__rate_interval]))` }),
      panel('Requests by route', 'reqps', {
        '{{method}} {{route}}': `topk(10, sum by (method, route) (rate(wasm_http_requests_total{${job}}[$__rate_interval])))`,
      }),
      panel('Response time of the API', 's', quantiles(`wasm_http_request_duration_seconds_bucket{${api}}`, 'le'), {
        lines: [0.5, 1],
      }),
      panel('Response time by route, p95', 's', {
        '{{route}}': `topk(10, histogram_quantile(0.95, sum by (route, le) (rate(wasm_http_request_duration_seconds_bucket{${job}}[$__rate_interval]))))`,
      }),
      panel(
        'Error rate',
        'percentunit',
        {
          errors: `sum(rate(wasm_http_requests_total{${job}, status=~"5.."}[$__rate_interval])) / sum(rate(wasm_http_requests_total{${job}}[$__rate_interval]))`,
        },
        { lines: [0.05, 0.1] },
      ),
      panel('WASM executions', 'reqps', {
        '{{outcome}}': `sum by (outcome) (rate(wasm_functions_invoked_total{${job}}[$__rate_interval]))`,
      }),
      panel('HTTP requests of modules', 'reqps', {
        '{{status}}': `sum by (status) (rate(wasm_gateway_http_answered_total{${job}}[$__rate_interval]))`,
      }),
      panel('HTTP requests of modules without an answer', 'reqps', {
        '{{why}}': `sum by (why) (rate(wasm_gateway_http_unanswered_total{${job}}[$__rate_interval]))`,
        'sent again': `sum(rate(wasm_gateway_http_retried_total{${job}}[$__rate_interval]))`,
      }),
    ],
  },
  'system-resources': {
    title: 'System resources',
    panels: [
      panel(
        'CPU',
        'percentunit',
        {
          '{{instance}}': `1 - sum by (instance) (rate(wasm_host_cpu_seconds_total{${job}, mode="idle"}[5m])) / sum by (instance) (rate(wasm_host_cpu_seconds_total{${job}}[5m]))`,
        },
        { lines: [0.8, 0.95] },
      ),
      panel(
        'Memory',
        'percentunit',
        { '{{instance}}': `1 - wasm_host_memory_available_bytes{${job}} / wasm_host_memory_total_bytes{${job}}` },
        { lines: [0.85, 0.95] },
      ),
      panel(
        'Disk',
        'percentunit',
        { '{{instance}}': `1 - wasm_host_disk_available_bytes{${job}} / wasm_host_disk_total_bytes{${job}}` },
        { lines: [0.85, 0.95] },
      ),
      panel('Network', 'Bps', {
        '{{instance}} received': `sum by (instance) (rate(wasm_host_network_receive_bytes_total{${job}}[$__rate_interval]))`,
        '{{instance}} sent': `sum by (instance) (rate(wasm_host_network_transmit_bytes_total{${job}}[$__rate_interval]))`,
      }),
      panel('CPU of the programs', 'short', {
        '{{instance}}': `rate(wasm_process_cpu_seconds_total{${job}}[$__rate_interval])`,
      }),
      panel('Memory of the programs', 'bytes', {
        '{{instance}}': `wasm_process_resident_memory_bytes{${job}}`,
        '{{instance}} JavaScript': `wasm_process_heap_used_bytes{${job}}`,
      }),
      panel('Releases on nodes', 'short', { '{{instance}} {{state}}': `wasm_node_releases{${job}}` }),
      panel('Calls on nodes', 'reqps', {
        '{{instance}}': `sum by (instance) (rate(wasm_node_calls_total{${job}}[$__rate_interval]))`,
      }),
      panel(
        'Module load time on nodes, p99',
        's',
        {
          '{{instance}}': `histogram_quantile(0.99, sum by (instance, le) (rate(wasm_node_module_load_duration_seconds_bucket{${job}}[15m])))`,
        },
        { lines: [0.02] },
      ),
      panel('Loads that failed', 'short', {
        '{{instance}}': `increase(wasm_node_module_load_failures_total{${job}}[15m])`,
      }),
      panel(
        'Programs',
        'short',
        { '{{instance}} {{program}} {{version}}': `wasm_build_info{${job}}` },
        { type: 'table', width: 24 },
      ),
    ],
  },
  'database-performance': {
    title: 'Database performance',
    panels: [
      panel('Database answers', 'short', { '{{instance}}': `wasm_database_up{${job}}` }, { type: 'stat', width: 6 }),
      panel(
        'Connections',
        'short',
        {
          active: `sum(wasm_database_connections_active{${job}})`,
          idle: `sum(wasm_database_connections_idle{${job}})`,
          max: `sum(wasm_database_connections_max{${job}})`,
        },
        { width: 18 },
      ),
      panel(
        'Waiting for a connection',
        'short',
        { '{{instance}}': `wasm_database_connections_waiting{${job}}` },
        { lines: [1] },
      ),
      panel('Statements and transactions', 'ops', {
        '{{instance}}': `rate(wasm_database_work_duration_seconds_count{${job}}[$__rate_interval])`,
      }),
      panel(
        'Time of statements and transactions',
        's',
        quantiles(`wasm_database_work_duration_seconds_bucket{${job}}`, 'le'),
      ),
      panel('Errors of the database', 'short', { '{{instance}}': `increase(wasm_database_errors_total{${job}}[5m])` }),
    ],
  },
  'business-metrics': {
    title: 'Business metrics',
    panels: [
      panel('API keys made per hour', 'short', {
        keys: `sum(increase(wasm_http_requests_total{${job}, method="POST", route="/api/v1/auth/keys", status="201"}[1h]))`,
      }),
      panel('Users registered per hour', 'short', {
        users: `sum(increase(wasm_http_requests_total{${job}, method="POST", route="/api/v1/auth/users", status="201"}[1h]))`,
      }),
      panel('WASM uploads per hour', 'short', { uploads: `sum(increase(wasm_modules_registered_total{${job}}[1h]))` }),
      panel('Deployments per day', 'short', { deployments: `sum(increase(wasm_deployments_total{${job}}[1d]))` }),
      panel('Errors by endpoint', 'reqps', {
        '{{method}} {{route}} {{status}}': `topk(15, sum by (method, route, status) (rate(wasm_http_requests_total{${job}, status=~"[45].."}[$__rate_interval])))`,
      }),
      panel('Logins', 'reqps', {
        '{{status}}': `sum by (status) (rate(wasm_http_requests_total{${job}, route="/api/v1/auth/login"}[$__rate_interval]))`,
      }),
      panel('Use of the API', 'reqps', {
        '{{route}}': `topk(15, sum by (route) (rate(wasm_http_requests_total{${job}}[$__rate_interval])))`,
      }),
      panel('Executions by module', 'reqps', {
        '{{module}}': `topk(15, sum by (module) (rate(wasm_functions_invoked_total{${job}}[$__rate_interval])))`,
      }),
    ],
  },
  'riptide-extraction': {
    title: 'Riptide extraction',
    panels: [
      panel('Extraction throughput', 'reqps', {
        '{{instance}}': `rate(riptide_wasm_extraction_total{${job}}[$__rate_interval])`,
      }),
      panel('Success rate', 'percentunit', {
        success: `sum(rate(riptide_wasm_extraction_success_total{${job}}[$__rate_interval])) / (sum(rate(riptide_wasm_extraction_success_total{${job}}[$__rate_interval])) + sum(rate(riptide_wasm_extraction_failure_total{${job}}[$__rate_interval])))`,
        '{{instance}} since the start': `riptide_wasm_extraction_success_rate{${job}}`,
      }),
      panel(
        'Cold start',
        'ms',
        Object.fromEntries(
          [0.5, 0.95, 0.99].map((q) => [`p${q * 100}`, `quantile(${q}, riptide_wasm_cold_start_time_ms{${job}})`]),
        ),
        { lines: [15, 50] },
      ),
      panel(
        'Extraction time',
        'ms',
        { '{{instance}} p{{quantile}}': `riptide_wasm_extraction_time_ms{${job}}` },
        { lines: [5, 20] },
      ),
      // The line is at 60 MB, as the targets say; the alert waits for 900 pages, 56 MiB.
      panel(
        'Memory',
        'bytes',
        {
          '{{instance}} current': `riptide_wasm_memory_pages{${job}} * 65536`,
          '{{instance}} peak': `riptide_wasm_peak_memory_pages{${job}} * 65536`,
        },
        { lines: [60_000_000] },
      ),
      panel('Refused growths of memory', 'short', {
        '{{instance}}': `increase(riptide_wasm_grow_failed_total{${job}}[5m])`,
      }),
      panel(
        'Circuit breaker',
        'short',
        { '{{instance}}': `riptide_wasm_circuit_breaker_state{${job}}` },
        {
          type: 'stat',
          mappings: [
            { type: 'value', options: { 0: { text: 'Closed' }, 1: { text: 'Open' }, 2: { text: 'HalfOpen' } } },
          ],
        },
      ),
      panel('Extracted features', 'reqps', {
        '{{feature}}': `sum by (feature) (rate(riptide_wasm_features_total{${job}}[$__rate_interval]))`,
      }),
    ],
  },
};

function placed(panels) {
  let [x, y, rowHeight] = [0, 0, 0];
  return panels.map(({ width, height, ...rest }, at) => {
    if (x + width > columns) [x, y, rowHeight] = [0, y + rowHeight, 0];
    const gridPos = { x, y, w: width, h: height };
    x += width;
    rowHeight = Math.max(rowHeight, height);
    return { id: at + 1, gridPos, ...rest };
  });
}

const folder = new URL('./dashboards/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [uid, { title, panels }] of Object.entries(dashboards)) {
  const dashboard = {
    uid,
    title,
    tags: ['hotswap'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    timezone: 'browser',
    time: { from: 'now-1h', to: 'now' },
    refresh: '15s',
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' },
        {
          name: 'job',
          type: 'query',
          datasource,
          query: {
            query:
              uid === 'riptide-extraction'
                ? 'label_values(riptide_wasm_extraction_total, job)'
                : 'label_values(wasm_build_info, job)',
            refId: 'job',
          },
          includeAll: true,
          allValue: '.+',
          multi: true,
          refresh: 2,
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: placed(panels),
  };
  writeFileSync(new URL(`${uid}.json`, folder), `${JSON.stringify(dashboard, null, 2)}\n`);
}
