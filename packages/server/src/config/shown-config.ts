import { secretKeys, type ServerConfig } from './schema.ts';

/**
 * A configuration that may be shown: secrets and the passwords within addresses are left out.
 * @internal
 */
export function shownConfig(config: ServerConfig): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]: [string, unknown]) => [
      key,
      secretKeys.has(key) ? '[redacted]' : typeof value === 'string' ? withoutPassword(value) : value,
    ]),
  );
}

/** `postgres://user:secret@host` with `[redacted]` in it; also where the password holds an `@`. */
function withoutPassword(text: string): string {
  return text.replace(/^(\w+:\/\/[^:@/]*):.*@/s, '$1:[redacted]@').replaceAll(/([?&]password=)[^&]*/gi, '$1[redacted]');
}
