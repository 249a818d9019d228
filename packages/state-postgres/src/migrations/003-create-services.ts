import type { Migration } from './migration.ts';

/** Call metrics, credentials, idempotency keys and settings. @internal */
export const createServices: Migration = {
  name: '003-create-services',
  sql: `
create table call_metrics (
  tenant text not null default 'default',
  module_name text not null,
  release_id text not null,
  node_id text not null,
  -- second in which the report arrived
  bucket_at timestamptz not null,
  calls bigint not null,
  errors bigint not null,
  crashes bigint not null,
  latency_sum_ms double precision not null,
  latency_sum_squares_ms2 double precision not null,
  latency_buckets jsonb not null,
  peak_memory_bytes bigint not null,
  memory_refusals bigint not null,
  primary key (node_id, release_id, bucket_at, module_name, tenant)
);
create index call_metrics_age on call_metrics (bucket_at);

create function hotswap_merge_sketches(a jsonb, b jsonb) returns jsonb language sql immutable as $$
  select coalesce(jsonb_object_agg(bucket, total), '{}')
  from (select key as bucket, sum(value::bigint) as total
        from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) as counts
        group by key) as totals
$$;

create table credentials (
  tenant text not null default 'default',
  credential_id text not null,
  subject text not null,
  role text not null,
  tier text,
  token_hash text not null unique,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz,
  primary key (credential_id, tenant)
);

create table idempotency_keys (
  tenant text not null default 'default',
  principal text not null,
  idempotency_key text not null,
  request_hash text not null,
  owner text not null,
  running_until timestamptz not null,
  answer json,
  expires_at timestamptz not null,
  primary key (idempotency_key, principal, tenant)
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);

create table settings (
  name text primary key,
  value json not null
);
`,
};
