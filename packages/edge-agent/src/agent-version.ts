import { readFileSync } from 'node:fs';

/** Version of this package. @internal */
export const agentVersion: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;
