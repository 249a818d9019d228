import { readFileSync } from 'node:fs';

/** Version of this package. @internal */
export const cliVersion: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
