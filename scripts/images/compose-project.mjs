// A Compose project: its own command, and what is asked of its containers.
import { SetupProblem, say, seconds } from '../bootstrap/progress.mjs';
import { engineOf, logsOf } from './container-engine.mjs';

/** What engines wait by default between SIGTERM and SIGKILL; some interfaces of podman wait for nothing unless told. */
const stopSeconds = 10;

export function projectOf({ engine, compose, file, name, env }) {
  const [program, ...before] = compose.split(' ');
  // Also what a profile has started.
  const run = (...args) =>
    engineOf(program, [...before, '--file', file, '--project-name', name], { env: { ...process.env, ...env } })(
      ...args,
    );
  const everything = (...args) => run('--profile', '*', ...args);
  const containers = async () => (await everything('ps', '--all', '--quiet')).split('\n').filter(Boolean);
  return {
    up: (...args) => run('up', '--detach', '--no-build', ...args),
    upWith: (profile, ...args) => run('--profile', profile, 'up', '--detach', '--no-build', ...args),
    /** Starts again what has been stopped: the same containers. */
    start: (...args) => run('start', ...args),
    containerOf: (service) => everything('ps', '--all', '--quiet', service),
    containers,
    logsOf: async (service) => logsOf(engine.program, await everything('ps', '--all', '--quiet', service)),
    /** Ends everything; nothing by force, and nothing with an error. */
    async stop() {
      const sinceMs = performance.now();
      await everything('stop', '--timeout', String(stopSeconds));
      for (const id of await containers()) {
        const [container, code] = (await engine.run('inspect', '--format', '{{.Name}} {{.State.ExitCode}}', id)).split(
          ' ',
        );
        if (code !== '0') throw new SetupProblem(`${container} ended with ${code}.`);
      }
      say('try-compose', `everything has ended by itself, in ${seconds(sinceMs)}`);
    },
    down: () => everything('down', '--volumes', '--timeout', String(stopSeconds)),
  };
}

/** Has the containers' health checks run, where nobody else does; resolves with how it is ended. */
export function runChecksOf(project, engine) {
  let timer;
  let isOver = false;
  const turn = async () => {
    for (const id of await project.containers().catch(() => []))
      await engine.run('healthcheck', 'run', id).catch(() => undefined);
    if (!isOver) timer = setTimeout(() => void turn(), 2_000);
  };
  void turn();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
