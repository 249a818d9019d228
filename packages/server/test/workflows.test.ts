import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

// GitHub's parser imports its schema as bundlers take JSON, and not as Node does.
const hooks = registerHooks({
  load: (url, context, next) =>
    next(url, url.endsWith('.min.json') ? { ...context, importAttributes: { type: 'json' } } : context),
});
const { NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser');
hooks.deregister();

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = join(root, '.github', 'workflows');
const files = readdirSync(folder);
const text = (file: string): string => readFileSync(join(folder, file), 'utf8');
const json = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}
interface Job {
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> };
  readonly steps?: readonly Step[];
}
const jobsOf = (file: string): Readonly<Record<string, Job>> =>
  (parse(text(file)) as { readonly jobs: Readonly<Record<string, Job>> }).jobs;
const stepsOf = (job: Job | undefined): readonly Step[] => job?.steps ?? [];
const scriptOf = (job: Job | undefined): string =>
  stepsOf(job)
    .map(({ run = '' }) => run)
    .join('\n');
const usesOf = (job: Job | undefined, action: string): Step =>
  stepsOf(job).find(({ uses }) => uses?.startsWith(`${action}@`)) ?? expect.unreachable(action);

/** What GitHub's own parser has against a workflow. */
const complaints = (name: string, content: string): readonly string[] =>
  parseWorkflow({ name, content }, new NoOperationTraceWriter())
    .context.errors.getErrors()
    .map(({ message }) => message);

describe('workflows', () => {
  it.each(files)('%s is one that GitHub takes', (file) => {
    expect(complaints(file, text(file))).toEqual([]);
  });

  it('are held to what GitHub knows: a slip is found', () => {
    expect(complaints('slip.yml', text('release.yml').replace('runs-on:', 'run-on:'))).not.toEqual([]);
    expect(complaints('slip.yml', text('release.yml').replace('github.actor', 'gihtub.actor'))).not.toEqual([]);
  });

  it.each(files)('%s names scripts, files and workflows that are there', (file) => {
    const { scripts } = json('package.json') as { readonly scripts: Readonly<Record<string, string>> };
    const content = text(file);
    for (const [, name = ''] of content.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(name);
    for (const [path] of content.matchAll(
      /(?:scripts\/[\w./-]+\.mjs|deploy\/Dockerfile|\.\/\.github\/[\w./-]+|\.ci\/run)/g,
    ))
      expect(existsSync(join(root, path)), path).toBe(true);
    for (const { steps = [] } of Object.values(jobsOf(file)))
      for (const step of steps) {
        const at = (step as { readonly 'working-directory'?: string })['working-directory'];
        if (at?.startsWith('packages/')) expect(existsSync(join(root, at)), at).toBe(true);
      }
  });

  it.each(files)('%s waits for jobs that there are, and reads outputs that they have', (file) => {
    const jobs = jobsOf(file);
    for (const [name, job] of Object.entries(jobs)) {
      const needs = typeof job.needs === 'string' ? [job.needs] : (job.needs ?? []);
      for (const needed of needs) expect(Object.keys(jobs), name).toContain(needed);
      for (const [, from = '', output = ''] of JSON.stringify(job).matchAll(/needs\.(\w+)\.outputs\.(\w+)/g)) {
        expect(needs, `${name} reads ${from}`).toContain(from);
        expect(Object.keys((jobs[from] as { readonly outputs?: object }).outputs ?? {})).toContain(output);
      }
      const ids = stepsOf(job).map((step) => (step as { readonly id?: string }).id);
      for (const [, id = ''] of JSON.stringify(job).matchAll(/steps\.(\w+)\.outputs/g)) expect(ids, name).toContain(id);
    }
  });
});

describe('a release', () => {
  const jobs = jobsOf('release.yml');
  const { archives, attach, image, tag } = jobs;

  it('carries an archive of agent, server and command line for every platform that an addon is built for', () => {
    const built = jobsOf('native.yml')['build']?.strategy?.matrix['include'] ?? [];
    const platforms = archives?.strategy?.matrix['include'] ?? [];
    expect(platforms.map(({ name, runner }) => [name, runner])).toEqual(
      built.map(({ name, runner }) => [name, runner]),
    );
    const { napi } = json('packages/runtime-wasmtime/package.json') as {
      readonly napi: { readonly targets: string[] };
    };
    expect(built.map(({ target }) => target)).toEqual(napi.targets);
    expect(archives?.if).toBe("needs.release.outputs.published == 'true'");
    const script = scriptOf(archives);
    const [, programs = ''] =
      /for program in ([\w ]+); do node scripts\/archive\.mjs "\$program" --out archives/.exec(script) ?? [];
    const known =
      /const PROGRAMS = \{([^]*?)\n\};/.exec(readFileSync(join(root, 'scripts/archive.mjs'), 'utf8'))?.[1] ?? '';
    expect(programs.split(' ').sort()).toEqual([...known.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name).sort());
    expect(script).toContain('hotswap-runtime-wasmtime.${{ matrix.name }}.node');
    expect(
      jobsOf('native.yml')['build']?.steps?.some(({ run }) =>
        run?.includes('hotswap-runtime-wasmtime.${{ matrix.name }}.node'),
      ),
    ).toBe(true);
    // Nothing is uploaded that has not run on its platform.
    const order = stepsOf(archives).map(({ run, uses }) => run ?? uses ?? '');
    expect(order.findIndex((line) => line.includes('scripts/try-archives.mjs'))).toBeLessThan(
      order.findIndex((line) => line.startsWith('actions/upload-artifact')),
    );
  });

  it('has checksums and provenance of every archive', () => {
    expect(attach?.needs).toEqual(['release', 'archives']);
    expect(scriptOf(attach)).toMatch(/sha256sum -- \* > [^]*SHA256SUMS[^]*gh release upload "\$TAG" archives\/\*/);
    expect(usesOf(attach, 'actions/attest-build-provenance').with).toEqual({
      'subject-checksums': 'archives/SHA256SUMS',
    });
    expect(attach?.permissions).toEqual({ contents: 'write', 'id-token': 'write', attestations: 'write' });
    expect(usesOf(jobs['release'], 'changesets/action').env).toMatchObject({ NPM_CONFIG_PROVENANCE: 'true' });
    const pattern = String(usesOf(attach, 'actions/download-artifact').with?.['pattern']);
    expect(String(usesOf(archives, 'actions/upload-artifact').with?.['name'])).toMatch(
      new RegExp(`^${pattern.replace('*', '.+')}$`),
    );
  });

  it('pushes images of the stages of the Dockerfile, once they have worked, under one name for both architectures', () => {
    const stages = [...readFileSync(join(root, 'deploy/Dockerfile'), 'utf8').matchAll(/^FROM .+ AS (\w+)$/gm)];
    const names = { server: 'wasm-orchestrator', agent: 'wasm-edge-agent' };
    const builds = stepsOf(image).filter(({ uses }) => uses?.startsWith('docker/build-push-action@'));
    expect(stages.map(([, stage]) => stage)).toEqual(expect.arrayContaining(Object.keys(names)));
    const common = { context: '.', file: 'deploy/Dockerfile' };
    const inputs = Object.entries(names).map(([target, name]) => ({ ...common, target, name }));
    const loaded = inputs.map(({ name, ...input }) => ({ ...input, load: true, tags: `${name}:tried` }));
    const pushed = inputs.map(({ name, ...input }) => ({
      ...input,
      platforms: 'linux/${{ matrix.platform.arch }}',
      push: true,
      tags: `\${{ steps.owner.outputs.registry }}/${name}:\${{ needs.release.outputs.version }}-\${{ matrix.platform.arch }}`,
      sbom: true,
    }));
    expect(builds.map((step) => step.with)).toEqual([...loaded, ...pushed]);
    const order = stepsOf(image);
    const tried = order.findIndex(({ run }) => run?.includes('scripts/try-images.mjs'));
    expect(order[tried]?.run).toBe(`node scripts/try-images.mjs ${loaded.map(({ tags }) => tags).join(' ')}`);
    const [, lastLoaded = {}, firstPushed = {}] = builds;
    expect(order.indexOf(lastLoaded)).toBeLessThan(tried);
    expect(order.indexOf(firstPushed)).toBeGreaterThan(tried);
    const attested = order.filter(({ uses }) => uses?.startsWith('actions/attest-build-provenance@'));
    expect(attested.map((step) => step.with)).toEqual(
      inputs.map(({ target, name }) => ({
        'subject-name': `\${{ steps.owner.outputs.registry }}/${name}`,
        'subject-digest': `\${{ steps.${target}.outputs.digest }}`,
        'push-to-registry': true,
      })),
    );
    expect(tag?.strategy?.matrix['name']).toEqual(Object.values(names));
    for (const { arch } of image?.strategy?.matrix['platform'] ?? [])
      expect(scriptOf(tag)).toContain(`$VERSION-${arch ?? ''}`);
    const production = readFileSync(join(root, 'deploy/docker-compose.production.yml'), 'utf8');
    expect(production).toContain('wasm-orchestrator');
  });
});
