import type { Migration } from './migration.ts';

/**
 * Processor time, fuel and business metrics beside calls, and buckets longer than a second. A server of the version before
 * goes on inserting: what it does not know is absent, and its buckets are of a second.
 * @internal
 */
export const widenMetrics: Migration = {
  name: '005-widen-metrics',
  sql: `
alter table call_metrics
  add column cpu_ms double precision,
  add column fuel_used double precision,
  add column counters jsonb not null default '{}',
  add column gauge_sums jsonb not null default '{}',
  add column gauge_counts jsonb not null default '{}',
  add column span_seconds integer not null default 1;
create index call_metrics_fresh on call_metrics (bucket_at) where span_seconds < 60;

create function hotswap_add_sums(a jsonb, b jsonb) returns jsonb language sql immutable as $$
  select case when a = '{}' then b when b = '{}' then a else
    (select jsonb_object_agg(name, total)
     from (select key as name, sum(value::float8) as total
           from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) as sums
           group by key) as totals) end
$$;
create aggregate hotswap_sum_sketches(jsonb) (sfunc = hotswap_merge_sketches, stype = jsonb, initcond = '{}');
create aggregate hotswap_sum_values(jsonb) (sfunc = hotswap_add_sums, stype = jsonb, initcond = '{}');
`,
};
