import type { Instant } from './deployment.ts';

/** An instant as RFC 3339 in UTC. @internal */
export function instantText(instant: Instant): string {
  // eslint-disable-next-line no-restricted-globals -- writes a number down and reads no clock
  return new Date(instant).toISOString();
}

/** The instant of an RFC 3339 text. @internal */
export function instantOf(text: string): Instant {
  // eslint-disable-next-line no-restricted-globals -- reads a text and no clock
  return Date.parse(text);
}
