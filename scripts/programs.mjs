// `node scripts/programs.mjs haproxy`: fetches a program that tests run for real, and prints the command line that starts it
// as one JSON array. A program that stands in the environment is taken as it is, e.g. HOTSWAP_HAPROXY=/usr/sbin/haproxy.
import { SetupProblem, runAsCommand } from './bootstrap/progress.mjs';
import { debianProgram } from './services/debian-program.mjs';

/** Where the Debian package puts the program; the package has its name where it says nothing else. */
const PROGRAMS = {
  haproxy: { path: 'usr/sbin/haproxy' },
  prometheus: { path: 'usr/bin/prometheus' },
  'redis-server': { path: 'usr/bin/redis-server' },
  promtool: { package: 'prometheus', path: 'usr/bin/promtool' },
  shellcheck: { path: 'usr/bin/shellcheck' },
  nginx: { package: 'nginx-light', path: 'usr/sbin/nginx' },
  // As new as the PostgreSQL of scripts/services: older ones refuse to dump it.
  pg_dump: { package: 'postgresql-client-18', suite: 'forky', path: 'usr/lib/postgresql/18/bin/pg_dump' },
  psql: { package: 'postgresql-client-18', suite: 'forky', path: 'usr/lib/postgresql/18/bin/psql' },
};

await runAsCommand('programs', async () => {
  const [name = ''] = process.argv.slice(2);
  const program = PROGRAMS[name];
  if (program === undefined)
    throw new SetupProblem(`there is no program "${name}" to fetch; there are ${Object.keys(PROGRAMS).join(', ')}.`);
  const given = process.env[`HOTSWAP_${name.toUpperCase().replaceAll('-', '_')}`];
  console.log(JSON.stringify(given ? [given] : await debianProgram({ name: program.package ?? name, ...program })));
});
