import { canonicalJson, defaultModuleRuntime, sha256Hex, type Release, type ReleaseId } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { stateError } from '../error-codes.ts';
import { readPageByOrdinal, type Page, type PageQuery } from './page.ts';

const columns = `tenant, release_id as "releaseId", module_id as "moduleId", module_name as "moduleName", version, digest, size_bytes::float8 as "sizeBytes",
  config, capabilities, resource_limits as "resourceLimits", http, runtime, health_check as "healthCheck", shadow_of as "shadowOf"`;

const insert = statement(
  'release_insert',
  `
insert into releases (tenant, release_id, module_id, module_name, version, digest, size_bytes, config, capabilities, resource_limits, http, runtime, health_check, shadow_of)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing`,
);

const read = statement('release_read', `select ${columns} from releases where tenant = $1 and release_id = $2`);

const readSome = statement(
  'release_read_some',
  `select ${columns} from releases where tenant = $1 and release_id = any ($2::text[]) order by release_id`,
);

const readPage = statement(
  'release_list',
  `
select ordinal::float8 as ordinal, ${columns} from releases
where tenant = $1 and ($2::text is null or module_name = $2) and ($3::bigint is null or ordinal < $3::bigint)
  and shadow_of is null
order by ordinal desc limit $4`,
);

type ReleaseRow = Omit<Release, 'shadowOf'> & { readonly shadowOf: ReleaseId | null };

const toRelease = ({ shadowOf, ...release }: ReleaseRow): Release =>
  shadowOf === null ? release : { ...release, shadowOf };

/**
 * Immutable releases. The id follows from the content, so the same content is one release, however often it is deployed.
 * @public
 */
export class ReleaseRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The id that a release with this content has, whether it is there or not. */
  idOf(content: Omit<Release, 'releaseId'>): Promise<ReleaseId> {
    return releaseIdOf(content);
  }

  /** Inserts the release if it is not there; returns it with its id. The module has to be registered. */
  async insert(content: Omit<Release, 'releaseId'>): Promise<Release> {
    const release: Release = { ...content, releaseId: await releaseIdOf(content) };
    await this.#session.execute(insert, [
      release.tenant,
      release.releaseId,
      release.moduleId,
      release.moduleName,
      release.version,
      release.digest,
      release.sizeBytes,
      JSON.stringify(release.config),
      JSON.stringify(release.capabilities),
      JSON.stringify(release.resourceLimits),
      release.http === null ? null : JSON.stringify(release.http),
      JSON.stringify(release.runtime),
      JSON.stringify(release.healthCheck),
      release.shadowOf ?? null,
    ]);
    return release;
  }

  /** @throws HS_REGISTRY_RELEASE_NOT_FOUND */
  async get(tenant: string, releaseId: ReleaseId): Promise<Release> {
    const [row] = await this.#session.query<ReleaseRow>(read, [tenant, releaseId]);
    if (!row) throw stateError('HS_REGISTRY_RELEASE_NOT_FOUND', { releaseId });
    return toRelease(row);
  }

  /** Those that are there, each once, by id. */
  async getSome(tenant: string, releaseIds: readonly ReleaseId[]): Promise<readonly Release[]> {
    return (await this.#session.query<ReleaseRow>(readSome, [tenant, releaseIds])).map(toRelease);
  }

  /** Newest first, without shadows. @throws HS_STORE_INVALID_CURSOR */
  async list(
    tenant: string,
    query: PageQuery & { readonly moduleName?: string | undefined } = {},
  ): Promise<Page<Release>> {
    return readPageByOrdinal(this.#session, readPage, [tenant, query.moduleName ?? null], query, toRelease);
  }
}

/**
 * `rel-` and the first 16 hex digits of the SHA-256 of the content without its tenant. What says the same as leaving it
 * out is left out: ids of releases that were made before `http` and `runtime` existed stay what they were.
 * @internal
 */
export async function releaseIdOf({
  tenant: _tenant,
  http,
  runtime,
  ...content
}: Omit<Release, 'releaseId'>): Promise<ReleaseId> {
  const named = {
    ...content,
    ...(http === null ? {} : { http }),
    ...(canonicalJson(runtime) === canonicalJson(defaultModuleRuntime) ? {} : { runtime }),
  };
  return `rel-${(await sha256Hex(canonicalJson(named))).slice(0, 16)}`;
}
