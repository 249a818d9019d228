// Prints the help of the command line and of each of its commands as JSON. A process of its own, because commander lays
// its help out for the terminal that it finds: with stdout in a pipe it is 80 columns wide everywhere.
import { Writable } from 'node:stream';
import { runCli } from '@hotswap/cli';

async function helpOf(args: readonly string[]): Promise<string> {
  let text = '';
  const stdout = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  await runCli([...args, '--help'], { stdout, stderr: stdout, env: {}, signal: new AbortController().signal });
  return text;
}

/** Commands that a help text lists, but for the one that prints it. */
function listedIn(help: string): readonly string[] {
  const at = help.indexOf('Commands:');
  if (at < 0) return [];
  return [...help.slice(at).matchAll(/^ {2}(\w[\w-]*)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
}

const commands: Record<string, string> = {};

/** Adds the commands below `path`, each followed by its own. */
async function addCommands(path: readonly string[], help: string): Promise<void> {
  for (const name of listedIn(help)) {
    const below = [...path, name];
    const own = await helpOf(below);
    commands[below.join(' ')] = own;
    await addCommands(below, own);
  }
}

const program = await helpOf([]);
await addCommands([], program);
console.log(JSON.stringify({ program, commands }));
