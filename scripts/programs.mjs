// `node scripts/programs.mjs haproxy`: fetches a program that tests run for real, and prints the command line that starts it
// as one JSON array. A program that stands in the environment is taken as it is, e.g. HOTSWAP_HAPROXY=/usr/sbin/haproxy.
import { SetupProblem, runAsCommand } from './bootstrap/progress.mjs';
import { debianProgram } from './services/debian-program.mjs';

/** Where the Debian package of that name puts the program. */
const PROGRAMS = {
  haproxy: 'usr/sbin/haproxy',
  prometheus: 'usr/bin/prometheus',
  promtool: 'usr/bin/promtool',
  'redis-server': 'usr/bin/redis-server',
};

/** Where that package has another name. */
const PACKAGES = { promtool: 'prometheus' };

await runAsCommand('programs', async () => {
  const [name = ''] = process.argv.slice(2);
  const path = PROGRAMS[name];
  if (path === undefined)
    throw new SetupProblem(`there is no program "${name}" to fetch; there are ${Object.keys(PROGRAMS).join(', ')}.`);
  const given = process.env[`HOTSWAP_${name.toUpperCase().replaceAll('-', '_')}`];
  console.log(JSON.stringify(given ? [given] : await debianProgram({ name: PACKAGES[name] ?? name, path })));
});
