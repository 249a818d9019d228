// The public API of every published package, as a report that is committed and reviewed: `packages/<x>/etc/<name>.api.md`.
//   node scripts/check-api-reports.mjs            fails when a report differs from the built declarations
//   node scripts/check-api-reports.mjs --update   writes the reports (`npm run api:update` builds first)
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { inRoot } from './bootstrap/paths.mjs';
import { runAsCommand, say } from './bootstrap/progress.mjs';
import { publicPackages } from './gates/workspaces.mjs';

/** One entry for each export that has declarations: `.` and subpaths. A program (`./main`) exports nothing. */
function entriesOf({ name, folder, manifest }) {
  return Object.entries(manifest.exports ?? {})
    .filter(([subpath, conditions]) => subpath !== './main' && conditions.types !== undefined)
    .map(([subpath, { types }]) => ({
      folder,
      declarations: inRoot(folder, types),
      report: `${[name.split('/')[1], ...subpath.split('/').slice(1)].join('-')}.api.md`,
    }));
}

const silent = { logLevel: 'none' };

function configOf({ folder, declarations, report }, temporary) {
  const projectFolder = inRoot(folder);
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    types: ['node'],
  };
  return ExtractorConfig.prepare({
    configObjectFullPath: join(projectFolder, 'api-extractor.json'),
    packageJsonFullPath: join(projectFolder, 'package.json'),
    configObject: {
      projectFolder,
      mainEntryPointFilePath: declarations,
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions, files: [declarations] } },
      apiReport: {
        enabled: true,
        reportFileName: report,
        reportFolder: join(projectFolder, 'etc'),
        reportTempFolder: temporary,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: silent },
        extractorMessageReporting: {
          default: silent,
          // Every export says whether it may be relied on: @public, @beta or @internal.
          'ae-missing-release-tag': { logLevel: 'error' },
          // A type that the API mentions and does not export: in the report, for the reviewer to see.
          'ae-forgotten-export': { logLevel: 'none', addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: silent },
      },
    },
  });
}

/** Checks or writes one report; returns the problems found. */
function checkEntry(entry, temporary, update) {
  if (!existsSync(entry.declarations)) return [`${entry.declarations} is missing: run \`npm run build\` first`];
  if (update) mkdirSync(inRoot(entry.folder, 'etc'), { recursive: true });
  const problems = [];
  const result = Extractor.invoke(configOf(entry, temporary), {
    localBuild: update,
    messageCallback: (message) => {
      if (message.logLevel === 'error') problems.push(`${message.formatMessageWithLocation(entry.folder)}`);
      message.handled = true;
    },
  });
  if (result.apiReportChanged && !update)
    problems.push(`the public API differs from etc/${entry.report}: run \`npm run api:update\` and review the change`);
  return problems;
}

await runAsCommand('api', async () => {
  const update = process.argv.includes('--update');
  const temporary = mkdtempSync(join(tmpdir(), 'hotswap-api-'));
  let found = 0;
  try {
    for (const entry of publicPackages().flatMap(entriesOf)) {
      const problems = checkEntry(entry, temporary, update);
      for (const problem of problems) say('api', `${entry.folder}: ${problem}`);
      found += problems.length;
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return found > 0 ? 1 : 0;
});
