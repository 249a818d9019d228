import { canonicalJson, type ModuleRecord } from '@hotswap/core';
import type { Database } from '../database/database.ts';
import { statement } from '../database/session.ts';
import { stateError } from '../error-codes.ts';
import { readPageByOrdinal, type Page, type PageQuery } from './page.ts';

/** A module before it is registered. @public */
export type NewModule = Omit<ModuleRecord, 'createdAt'>;

const columns = `tenant, module_id as "moduleId", name, version, digest, size_bytes::float8 as "sizeBytes", description, wasi_version as "wasiVersion",
  interfaces, resource_limits as "resourceLimits", capabilities, http, runtime, allowed_regions as "allowedRegions", health_check as "healthCheck", created_by as "createdBy",
  (extract(epoch from created_at) * 1000)::float8 as "createdAt"`;

const insert = statement(
  'module_insert',
  `
insert into modules (tenant, module_id, name, version, digest, size_bytes, description, wasi_version, interfaces, resource_limits, capabilities, http, runtime, allowed_regions, health_check, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict do nothing returning ${columns}`,
  ([tenant, moduleId, , , digest]) => ({
    tenant: String(tenant),
    action: 'module.register',
    object: String(moduleId),
    facts: { digest: String(digest) },
  }),
);

const readVersion = statement(
  'module_read_version',
  `select ${columns} from modules where tenant = $1 and name = $2 and version = $3`,
);
const read = statement('module_read', `select ${columns} from modules where tenant = $1 and module_id = $2`);
const readVersions = statement('module_versions', `select version from modules where tenant = $1 and name = $2`);

const readPage = statement(
  'module_list',
  `
select ordinal::float8 as ordinal, ${columns} from modules
where tenant = $1 and ($2::text is null or name = $2) and ($3::bigint is null or ordinal < $3::bigint)
order by ordinal desc limit $4`,
);

const countDigest = statement('module_count_digest', `select count(*)::int as count from modules where digest = $1`);

const remove = statement(
  'module_delete',
  `delete from modules where tenant = $1 and module_id = $2 and digest = $3 and (extract(epoch from created_at) * 1000)::float8 = $4`,
  ([tenant, moduleId]) => ({ tenant: String(tenant), action: 'module.delete', object: String(moduleId) }),
);
const removeReleases = statement('module_delete_releases', `delete from releases where tenant = $1 and module_id = $2`);

/** Deployments keep their releases for ever: what was rolled out has to stay readable. */
const readUse = statement(
  'module_use',
  `
select coalesce(
  (select 'node ' || a.node_id from assignments a join releases r on r.tenant = a.tenant and r.release_id = a.release_id
   where r.tenant = $1 and r.module_id = $2 order by a.node_id limit 1),
  (select 'deployment ' || d.deployment_id from deployments d where d.tenant = $1 and d.module_id = $2 order by d.ordinal desc limit 1),
  (select 'deployment ' || b.deployment_id from deployment_baselines b join releases r on r.tenant = b.tenant and r.release_id = b.release_id
   where r.tenant = $1 and r.module_id = $2 limit 1)) as "usedBy"`,
);

/**
 * Registered module versions.
 * @public
 */
export class ModuleRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Registers a version. The same name and version with the same content again yields what is there (`created: false`).
   * @throws HS_REGISTRY_MODULE_EXISTS naming what differs
   */
  async insert(module: NewModule): Promise<{ readonly module: ModuleRecord; readonly created: boolean }> {
    const { tenant, name, version } = module;
    const [created] = await this.#database.query<ModuleRecord>(insert, [
      tenant,
      module.moduleId,
      name,
      version,
      module.digest,
      module.sizeBytes,
      JSON.stringify(module.description),
      module.wasiVersion,
      module.interfaces === null ? null : JSON.stringify(module.interfaces),
      JSON.stringify(module.resourceLimits),
      JSON.stringify(module.capabilities),
      module.http === null ? null : JSON.stringify(module.http),
      JSON.stringify(module.runtime),
      module.allowedRegions ? JSON.stringify(module.allowedRegions) : null,
      JSON.stringify(module.healthCheck),
      module.createdBy,
    ]);
    if (created) return { module: created, created: true };
    const [existing] = await this.#database.query<ModuleRecord>(readVersion, [tenant, name, version]);
    const differs = existing ? differences(existing, module) : ['name'];
    if (!existing || differs.length > 0)
      throw stateError('HS_REGISTRY_MODULE_EXISTS', { moduleId: module.moduleId, differs: differs.join(', ') });
    return { module: existing, created: false };
  }

  /** `null` when there is no such module. */
  async find(tenant: string, moduleId: string): Promise<ModuleRecord | null> {
    const [row] = await this.#database.query<ModuleRecord>(read, [tenant, moduleId]);
    return row ?? null;
  }

  /** @throws HS_REGISTRY_MODULE_NOT_FOUND */
  async get(tenant: string, moduleId: string): Promise<ModuleRecord> {
    const module = await this.find(tenant, moduleId);
    if (!module) throw stateError('HS_REGISTRY_MODULE_NOT_FOUND', { moduleId });
    return module;
  }

  /** Newest first. @throws HS_STORE_INVALID_CURSOR */
  async list(
    tenant: string,
    query: PageQuery & { readonly name?: string | undefined } = {},
  ): Promise<Page<ModuleRecord>> {
    const filters = [tenant, query.name ?? null];
    return readPageByOrdinal(this.#database, readPage, filters, query, (module: ModuleRecord) => module);
  }

  /** The patch after the highest release version of the name; `1.0.0` for the first. Pre-releases are passed over. */
  async nextVersion(tenant: string, name: string): Promise<string> {
    const rows = await this.#database.query<{ version: string }>(readVersions, [tenant, name]);
    const versions = rows
      .map(({ version }) => /^(\d+)\.(\d+)\.(\d+)$/.exec(version)?.slice(1).map(Number))
      .filter((parts) => parts !== undefined);
    const highest = versions.sort(compareVersions).at(-1);
    return highest ? `${highest[0]}.${highest[1]}.${(highest[2] ?? 0) + 1}` : '1.0.0';
  }

  /**
   * Deletes a version that nothing uses or has used, with its releases. Its bytes can go too when `lastOfDigest`.
   * @throws HS_REGISTRY_MODULE_NOT_FOUND, HS_REGISTRY_MODULE_IN_USE
   * @throws HS_STORE_STALE when it is not the one that was `seen`, but another that was registered since
   */
  async delete(
    tenant: string,
    moduleId: string,
    seen?: Pick<ModuleRecord, 'digest' | 'createdAt'>,
  ): Promise<{ readonly digest: string; readonly lastOfDigest: boolean }> {
    return this.#database.transaction(async (session) => {
      const [module] = await session.query<ModuleRecord>(read, [tenant, moduleId]);
      if (!module) throw stateError('HS_REGISTRY_MODULE_NOT_FOUND', { moduleId });
      const { digest, createdAt } = module;
      if (seen !== undefined && (seen.digest !== digest || seen.createdAt !== createdAt))
        throw stateError('HS_STORE_STALE', { what: `Module ${moduleId}` });
      const [use] = await session.query<{ usedBy: string | null }>(readUse, [tenant, moduleId]);
      if (use?.usedBy) throw stateError('HS_REGISTRY_MODULE_IN_USE', { moduleId, usedBy: use.usedBy });
      await session.execute(removeReleases, [tenant, moduleId]);
      if ((await session.execute(remove, [tenant, moduleId, digest, createdAt])) === 0)
        throw stateError('HS_REGISTRY_MODULE_NOT_FOUND', { moduleId });
      const [left] = await session.query<{ count: number }>(countDigest, [digest]);
      return { digest, lastOfDigest: left?.count === 0 };
    });
  }
}

function differences(existing: ModuleRecord, wanted: NewModule): readonly string[] {
  const compared = [
    'digest',
    'wasiVersion',
    'interfaces',
    'resourceLimits',
    'capabilities',
    'http',
    'runtime',
    'allowedRegions',
    'healthCheck',
  ] as const;
  return compared.filter((key) => canonicalJson(existing[key] ?? null) !== canonicalJson(wanted[key] ?? null));
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  return a.map((part, i) => part - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
}
