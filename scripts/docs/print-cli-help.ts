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

const program = await helpOf([]);
const listed = program.slice(program.indexOf('Commands:')).matchAll(/^ {2}(\w[\w-]*)/gm);
const commands: Record<string, string> = {};
for (const [, name = ''] of listed) if (name !== 'help') commands[name] = await helpOf([name]);
console.log(JSON.stringify({ program, commands }));
