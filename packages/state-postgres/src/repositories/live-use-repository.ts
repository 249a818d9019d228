import type { Json, ModuleHttp } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { toText } from '../database/to-jsonb.ts';

/** A module version that serves on some nodes. @public */
export interface LiveModule {
  readonly moduleName: string;
  readonly moduleId: string;
  readonly releaseId: string;
  readonly http: ModuleHttp | null;
  /** Nodes that serve it. */
  readonly nodes: number;
}

/** A kind of host among nodes. @public */
export interface HostKind {
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly capabilities: Readonly<Record<string, Json>>;
  readonly nodes: number;
  /** One of them, to be named. */
  readonly example: string;
}

/** Somebody who called a function. @public */
export interface FunctionCaller {
  readonly tenant: string;
  readonly moduleName: string;
  readonly functionName: string;
  readonly subject: string;
}

const readLive = statement(
  'live_modules',
  `
select r.module_name as "moduleName", r.module_id as "moduleId", r.release_id as "releaseId", min(r.http::text) as http, count(*)::int as nodes
from assignments a
join nodes n on n.tenant = a.tenant and n.node_id = a.node_id
join releases r on r.tenant = a.tenant and r.release_id = a.release_id
where a.tenant = $1 and a.weight > 0 and ($2::text[] is null or n.region = any($2::text[]))
group by r.module_name, r.module_id, r.release_id order by 1, 2, 3`,
);

const readHosts = statement(
  'live_hosts',
  `
select runtime, runtime_version as "runtimeVersion", capabilities::text as capabilities, count(*)::int as nodes, min(node_id) as example
from nodes where tenant = $1 and is_enabled and ($2::text[] is null or region = any($2::text[]))
group by runtime, runtime_version, capabilities::text order by 1, 2, 3`,
);

const noteCallers = statement(
  'function_callers_note',
  `
insert into function_callers (tenant, module_name, function_name, subject, last_called_at)
select *, clock_timestamp() from unnest($1::text[], $2::text[], $3::text[], $4::text[])
on conflict (module_name, function_name, subject, tenant) do update set last_called_at = excluded.last_called_at`,
);

const readCallers = statement(
  'function_callers_read',
  `
select tenant, module_name as "moduleName", function_name as "functionName", subject from function_callers
where tenant = $1 and module_name = $2 and last_called_at > clock_timestamp() - $3::float8 * interval '1 millisecond'
order by function_name, subject limit 1000`,
);

const forgetCallers = statement(
  'function_callers_forget',
  `delete from function_callers where last_called_at < clock_timestamp() - $1::float8 * interval '1 millisecond'`,
);

/**
 * What runs and who uses it: the facts that a new version is checked against.
 * @public
 */
export class LiveUseRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Versions that get requests on nodes of the regions; `null`: all regions. */
  async liveModules(tenant: string, regions: readonly string[] | null): Promise<readonly LiveModule[]> {
    const rows = await this.#session.query<Omit<LiveModule, 'http'> & { http: string | null }>(readLive, [
      tenant,
      regions,
    ]);
    return rows.map((row) => ({ ...row, http: row.http === null ? null : (JSON.parse(row.http) as ModuleHttp) }));
  }

  /** Kinds of hosts among the enabled nodes of the regions; `null`: all regions. */
  async hosts(tenant: string, regions: readonly string[] | null): Promise<readonly HostKind[]> {
    const rows = await this.#session.query<Omit<HostKind, 'capabilities'> & { capabilities: string }>(readHosts, [
      tenant,
      regions,
    ]);
    return rows.map((row) => ({
      ...row,
      capabilities: JSON.parse(row.capabilities) as Readonly<Record<string, Json>>,
    }));
  }

  /** Remembers that these called just now. */
  async noteCallers(callers: readonly FunctionCaller[]): Promise<void> {
    if (callers.length === 0) return;
    await this.#session.execute(noteCallers, [
      callers.map(({ tenant }) => tenant),
      callers.map(({ moduleName }) => moduleName),
      callers.map(({ functionName }) => toText(functionName)),
      callers.map(({ subject }) => toText(subject)),
    ]);
  }

  /** Who called functions of the module within the last `withinMs`. */
  async callers(tenant: string, moduleName: string, withinMs: number): Promise<readonly FunctionCaller[]> {
    return this.#session.query<FunctionCaller>(readCallers, [tenant, moduleName, withinMs]);
  }

  /** Forgets who has not called for `olderThanMs`. */
  async forgetCallers(olderThanMs: number): Promise<void> {
    await this.#session.execute(forgetCallers, [olderThanMs]);
  }
}
