// Packages of another Debian release, in a folder of their own: nothing is installed, the system's lists stay as they are.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupProblem } from '../bootstrap/progress.mjs';
import { runCommand, tail } from '../bootstrap/run-command.mjs';

const SOURCES = '/etc/apt';

/** `{ uri, keyring }` of the Debian archive that this machine is configured with, or undefined. */
function configuredArchive() {
  const folder = join(SOURCES, 'sources.list.d');
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const texts = [...files, join(SOURCES, 'sources.list')].filter((file) => existsSync(file)).map(read);
  return [...texts.flatMap(deb822Archives), ...texts.flatMap(oneLineArchives)].find(isDebian);
}

const read = (file) => readFileSync(file, 'utf8');
const isDebian = ({ uri }) => /\/debian\/?$/.test(uri);

function deb822Archives(text) {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name) => new RegExp(`^${name}:\\s*(.+)$`, 'mi').exec(stanza)?.[1]?.trim();
    const uri = field('URIs')?.split(/\s+/)[0];
    return uri === undefined ? [] : [{ uri, keyring: field('Signed-By') }];
  });
}

function oneLineArchives(text) {
  return [...text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)/gm)].map(([, options = '', uri]) => ({
    uri,
    keyring: /signed-by=(\S+)/.exec(options)?.[1],
  }));
}

async function run(program, args, env) {
  const result = await runCommand(program, args, { env: { ...process.env, ...env, LC_ALL: 'C' } });
  if (result.code === 0) return;
  const output = tail(`${result.stdout}\n${result.stderr}`, 20);
  throw new SetupProblem(`${program} ${args[0]} failed with exit code ${result.code}:\n${output}`);
}

/**
 * Downloads packages of `suite` with all that they depend on and unpacks them below `folder`.
 * @throws SetupProblem on a machine without a Debian archive.
 */
export async function unpackDebianPackages({ suite, packages, folder }) {
  const archive = configuredArchive();
  if (archive === undefined || (await runCommand('apt-get', ['--version'])).code !== 0)
    throw new SetupProblem('this machine has no Debian archive among its apt sources');
  const work = join(folder, 'apt');
  const own = (...parts) => join(work, ...parts);
  for (const name of ['lists/partial', 'archives/partial', 'state']) mkdirSync(own(name), { recursive: true });
  const signedBy = archive.keyring === undefined ? '' : `[signed-by=${archive.keyring}] `;
  writeFileSync(own('sources.list'), `deb ${signedBy}${archive.uri} ${suite} main\n`);
  writeFileSync(own('status'), '');
  writeFileSync(
    own('apt.conf'),
    Object.entries({
      'Dir::State': own('state'),
      'Dir::State::status': own('status'),
      'Dir::State::Lists': own('lists'),
      'Dir::Cache': work,
      'Dir::Etc::SourceList': own('sources.list'),
      'Dir::Etc::SourceParts': '/dev/null',
      'Acquire::Languages': 'none',
      'APT::Install-Recommends': 'false',
      'APT::Sandbox::User': '',
      'Debug::NoLocking': 'true',
    })
      .map(([name, value]) => `${name} "${value}";\n`)
      .join(''),
  );
  const env = { APT_CONFIG: own('apt.conf') };
  await run('apt-get', ['update', '-q'], env);
  await run('apt-get', ['install', '-q', '-y', '--download-only', ...packages], env);
  const root = join(folder, 'root');
  mkdirSync(root, { recursive: true });
  for (const name of readdirSync(own('archives')).filter((file) => file.endsWith('.deb')))
    await run('dpkg-deb', ['-x', own('archives', name), root], {});
  return root;
}
