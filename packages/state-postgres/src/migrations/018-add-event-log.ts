import type { Migration } from './migration.ts';

/**
 * Events as readers of streams get them. What deployments and routes do is written with it; an entry gets its place in
 * the order only after its commit, so that nothing ever turns up before what a reader has seen.
 * @internal
 */
export const addEventLog: Migration = {
  name: '018-add-event-log',
  sql: `
create table event_log (
  entry_id bigint generated always as identity primary key,
  -- null until it is put in order
  position bigint unique,
  tenant text not null,
  topic text not null,
  subject text not null,
  facts json,
  -- what several servers find out is written down by the first of them
  once text unique,
  created_at timestamptz not null default clock_timestamp()
);
create index event_log_by_tenant on event_log (tenant, position);
create index event_log_unordered on event_log (entry_id) where position is null;

create table event_log_bounds (
  is_one boolean primary key default true check (is_one),
  last_position bigint not null default 0,
  kept_from bigint not null default 1
);
insert into event_log_bounds default values;

create function hotswap_hint_events() returns trigger language plpgsql as $$
begin
  perform pg_notify('hotswap_changes', '{"topic":"events"}');
  return null;
end $$;
create trigger event_log_hint after insert on event_log for each statement execute function hotswap_hint_events();

create function hotswap_log_deployment() returns trigger language plpgsql as $$
begin
  insert into event_log (tenant, topic, subject) values (new.tenant, 'deployment.changed', new.deployment_id);
  return null;
end $$;
create trigger deployments_logged after insert or update of head_seq on deployments
  for each row execute function hotswap_log_deployment();

create function hotswap_log_route() returns trigger language plpgsql as $$
begin
  insert into event_log (tenant, topic, subject, facts)
  values (new.tenant, 'route.changed', new.module_name, json_build_object('revision', new.revision));
  return null;
end $$;
create trigger routes_logged_first after insert on routes
  for each row when (new.revision > 0) execute function hotswap_log_route();
create trigger routes_logged after update of revision on routes
  for each row when (new.revision <> old.revision) execute function hotswap_log_route();
`,
};
