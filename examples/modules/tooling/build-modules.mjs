// Brings dist up to date: what fits its sources stays, what was built before comes from the cache, the rest is built.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { distFolder, outputPath, planBuild } from './build-plan.mjs';
import { GuestBuildError, guestRecipes } from './guest-recipes.mjs';

/** The toolchains keep about one core busy each; more at once only costs memory. */
const PARALLEL_BUILDS = 3;
/** Each source edit leaves an entry behind; an entry is 1 MB at most, 15 MB for a module on demand. */
const KEPT_CACHE_ENTRIES = 200;

const stampPath = join(distFolder, '.built.json');

function cacheFolder() {
  const base =
    process.env.HOTSWAP_CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hotswap');
  return join(base, 'guest-modules');
}

/** Several processes may build at once: a file is complete from the moment that it has its name. */
function writeWhole(path, bytes) {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, path);
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampPath, 'utf8'));
  } catch {
    return {}; // absent on the first build, or cut off: everything is looked at again
  }
}

function dropOldCacheEntries(folder) {
  const entries = readdirSync(folder).filter((name) => name.endsWith('.wasm'));
  if (entries.length <= KEPT_CACHE_ENTRIES) return;
  const byAge = entries
    .map((name) => ({ path: join(folder, name), usedMs: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const { path } of byAge.slice(KEPT_CACHE_ENTRIES)) rmSync(path, { force: true });
}

function takeFromCache(cached) {
  if (!existsSync(cached)) return undefined;
  const now = new Date();
  utimesSync(cached, now, now);
  return readFileSync(cached);
}

async function makeTarget(target, force, report) {
  const cached = join(cacheFolder(), `${target.id}-${target.hash.slice(0, 32)}.wasm`);
  const kept = force ? undefined : takeFromCache(cached);
  if (kept) {
    writeWhole(outputPath(target.id), kept);
    report({ id: target.id, from: 'cache', sizeBytes: kept.length, tookMs: 0 });
    return;
  }
  const sinceMs = performance.now();
  let bytes;
  try {
    bytes = await guestRecipes[target.recipe].build(target.inputs);
  } catch (error) {
    const source = basename(target.inputs.source ?? target.inputs.from);
    const reason = error instanceof GuestBuildError ? error.message : String(error?.stack ?? error?.payload ?? error);
    throw new GuestBuildError(`${target.id} does not build (${target.recipe}, ${source}):\n${reason}`);
  }
  writeWhole(cached, bytes);
  writeWhole(outputPath(target.id), bytes);
  report({ id: target.id, from: 'source', sizeBytes: bytes.length, tookMs: performance.now() - sinceMs });
}

async function inParallel(targets, limit, work) {
  const queue = [...targets];
  const failures = [];
  const worker = async () => {
    for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
      await work(target).catch((error) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return failures;
}

function removeStrays(plan) {
  const wanted = new Set(plan.map(({ id }) => `${id}.wasm`));
  for (const name of readdirSync(distFolder)) {
    if (name.endsWith('.wasm') && !wanted.has(name)) rmSync(join(distFolder, name), { force: true });
  }
}

/**
 * Builds what is stale and answers how many targets there are and how many had to be made. `only` names targets (their
 * origins are built with them), `force` ignores dist and the cache, `report` hears of each target that was made.
 */
export async function buildModules({ only, force = false, report = () => {} } = {}) {
  mkdirSync(distFolder, { recursive: true });
  mkdirSync(cacheFolder(), { recursive: true });
  const plan = planBuild();
  const unknown = (only ?? []).filter((id) => !plan.some((target) => target.id === id));
  if (unknown.length > 0) throw new GuestBuildError(`no such module: ${unknown.join(', ')} (see build.mjs --list)`);
  const origins = plan.filter(({ id }) => only?.includes(id)).map(({ from }) => from);
  const wanted = only
    ? plan.filter(({ id }) => only.includes(id) || origins.includes(id))
    : plan.filter(({ onDemand }) => !onDemand);
  const built = readStamp();
  const stale = wanted.filter(({ id, hash }) => force || built[id] !== hash || !existsSync(outputPath(id)));
  const failures = [];
  for (const round of [stale.filter(({ from }) => !from), stale.filter(({ from }) => from)]) {
    const work = async (target) => {
      await makeTarget(target, force, report);
      built[target.id] = target.hash;
    };
    failures.push(...(await inParallel(round, PARALLEL_BUILDS, work)));
    if (failures.length > 0) break;
  }
  removeStrays(plan);
  if (stale.length > 0) {
    const known = Object.fromEntries(plan.filter(({ id }) => built[id]).map(({ id }) => [id, built[id]]));
    writeWhole(stampPath, `${JSON.stringify(known, null, 1)}\n`);
    dropOldCacheEntries(cacheFolder());
  }
  if (failures.length > 0) throw new GuestBuildError(failures.map(({ message }) => message).join('\n'));
  return { targets: wanted.length, made: stale.length };
}
