import type { Migration } from './migration.ts';

/**
 * People who log in, keys of programs, sessions that ended early, failed logins and what was used of day quotas. User
 * names are unique over all tenants, since somebody who logs in names no tenant.
 * @internal
 */
export const addAccess: Migration = {
  name: '012-add-access',
  sql: `
create table users (
  tenant text not null default 'default',
  user_id text not null primary key,
  username text not null unique,
  role text not null,
  tier text,
  password_hash text not null,
  is_enabled boolean not null default true,
  -- tokens of an earlier epoch have ended
  session_epoch integer not null default 0,
  revision integer not null default 0,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  last_login_at timestamptz,
  ordinal bigint generated always as identity unique
);

create table api_keys (
  tenant text not null default 'default',
  key_id text not null primary key,
  name text not null,
  owner text not null,
  role text not null,
  tier text not null,
  secret_hash text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  ordinal bigint generated always as identity unique
);
create index api_keys_owner on api_keys (owner, tenant) where revoked_at is null;

create table ended_sessions (
  session_id text not null primary key,
  expires_at timestamptz not null
);

create table login_failures (
  -- a hash: people type passwords where names belong
  subject_hash text not null primary key,
  failures integer not null,
  last_at timestamptz not null,
  blocked_until timestamptz not null
) with (fillfactor = 70);

create table day_quotas (
  tenant text not null default 'default',
  subject text not null,
  day date not null,
  used bigint not null,
  granted bigint not null,
  primary key (subject, day, tenant)
) with (fillfactor = 70);
`,
};
