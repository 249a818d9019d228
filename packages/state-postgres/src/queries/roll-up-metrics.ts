import { movingStatuses } from './deployment-statuses.ts';

/**
 * Joins the buckets of a release on a node that are older than $1 milliseconds and shorter than $2 seconds into ones of $2
 * seconds, once these are over. Windows begin where traffic was shifted or restored, or where an `observe` of its own period began, so no bucket
 * is joined across such a moment of a deployment that still moves: sums over its windows stay what they were. A joined
 * bucket stands at the time of its first part.
 * @internal
 */
export const rollUpMetrics: string = `
with marks as materialized (
  select distinct d.tenant, d.module_name, date_trunc('second', j.at) as at
  from deployments d join journal_entries j on j.deployment_id = d.deployment_id
  where d.status in ${movingStatuses}
    and (j.type = 'ended' and (j.entry #> '{result,value,revision}' is not null or j.entry #> '{result,value,restored}' is not null)
      or j.type = 'began' and j.entry #>> '{effect,kind}' = 'observe' and j.entry #>> '{effect,input,since}' is distinct from 'shift')
),
old as (
  delete from call_metrics
  where span_seconds < $2::integer
    and bucket_at < to_timestamp(floor((extract(epoch from clock_timestamp()) - $1::float8 / 1000) / $2::integer) * $2::integer)
  returning *
),
placed as (
  select o.*, floor(extract(epoch from o.bucket_at) / $2::integer) as slot,
    (select max(m.at) from marks m where m.tenant = o.tenant and m.module_name = o.module_name and m.at <= o.bucket_at) as mark
  from old o
),
joined as (
  insert into call_metrics as c (tenant, module_name, release_id, node_id, bucket_at, span_seconds, calls, errors, crashes, latency_sum_ms,
    latency_sum_squares_ms2, latency_buckets, peak_memory_bytes, memory_refusals, cpu_ms, fuel_used, counters, gauge_sums, gauge_counts)
  select tenant, module_name, release_id, node_id, min(bucket_at), $2::integer, sum(calls), sum(errors), sum(crashes), sum(latency_sum_ms),
    sum(latency_sum_squares_ms2), hotswap_sum_sketches(latency_buckets), max(peak_memory_bytes), sum(memory_refusals), sum(cpu_ms), sum(fuel_used),
    hotswap_sum_values(counters), hotswap_sum_values(gauge_sums), hotswap_sum_values(gauge_counts)
  from placed group by tenant, module_name, release_id, node_id, slot, mark
  returning 1
)
select (select count(*) from old)::float8 as before, (select count(*) from joined)::float8 as after`;

/** Deletes buckets older than $1 milliseconds that no deployment which still moves, or can be taken back, reaches back to. @internal */
export const deleteOldMetrics: string = `
delete from call_metrics c where bucket_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
  and not exists (
    select 1 from deployments d
    where d.tenant = c.tenant and d.module_name = c.module_name and (d.status in ${movingStatuses} or d.retained_until is not null)
      and c.bucket_at >= d.created_at)`;
