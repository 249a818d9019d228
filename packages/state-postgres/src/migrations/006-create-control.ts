import type { Migration } from './migration.ts';

/**
 * The audit chain of each tenant, and release trains. A head's row is locked by whoever appends, at the end of the
 * transaction that makes the change: changes that fail leave no act, and acts that fail undo the change.
 * @internal
 */
export const createControl: Migration = {
  name: '006-create-control',
  sql: `
create table audit_heads (
  tenant text not null primary key,
  seq bigint not null,
  hash text not null
) with (fillfactor = 50);

create table audit_acts (
  tenant text not null,
  seq bigint not null,
  at timestamptz not null,
  actor text not null,
  action text not null,
  object text not null,
  hash text not null,
  -- json, not jsonb: the hash is over exactly this text's content
  act json not null,
  primary key (seq, tenant)
);
create index audit_acts_object on audit_acts (object, seq);
create index audit_acts_actor on audit_acts (actor, seq);

create table trains (
  tenant text not null default 'default',
  train_id text not null primary key,
  author text not null,
  intent text not null,
  status text not null,
  revision integer not null default 0,
  content json not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  ordinal bigint generated always as identity unique
) with (fillfactor = 70);
create index trains_unfinished on trains (train_id) where status in ('Pending', 'PendingApproval', 'InProgress', 'Paused', 'RollingBack');
`,
};
