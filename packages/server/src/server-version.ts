import { readFileSync } from 'node:fs';

/** Version of this package, as `/health` and the API's description show it. @internal */
export const serverVersion: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
