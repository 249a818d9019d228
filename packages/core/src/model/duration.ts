import { z } from 'zod';
import { hotSwapError } from '../errors/hotswap-error.ts';

/**
 * A span of time as ISO-8601 text in its canonical form (`PT5M`, `PT1H30M`, `PT0.5S`). Days are 24 hours; years, months
 * and weeks are refused because their length depends on the calendar.
 * @public
 */
export type Duration = string;

const form = /^P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const unitsMs = [86_400_000, 3_600_000, 60_000, 1_000] as const;

/**
 * Length of an ISO-8601 duration in milliseconds, rounded to a whole one.
 * @throws HS_CORE_INVALID_DURATION when the text is no duration of days, hours, minutes and seconds.
 * @public
 */
export function durationMs(text: Duration): number {
  const parts = form.exec(text);
  if (!parts || /[PT]$/.test(text)) throw hotSwapError('HS_CORE_INVALID_DURATION', { value: text });
  return Math.round(unitsMs.reduce((sum, unit, i) => sum + Number(parts[i + 1] ?? 0) * unit, 0));
}

/** The canonical ISO-8601 text of a number of milliseconds (not negative). @public */
export function toDuration(ms: number): Duration {
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = (ms % 60_000) / 1_000;
  const text = `${hours > 0 ? `${hours}H` : ''}${minutes > 0 ? `${minutes}M` : ''}${seconds > 0 ? `${seconds}S` : ''}`;
  return `PT${text === '' ? '0S' : text}`;
}

const isDuration = (text: string): boolean => form.test(text) && !/[PT]$/.test(text);
const asText = z.union([
  z.string().refine(isDuration, { error: 'must be an ISO-8601 duration such as PT30S, PT5M or PT1H' }),
  z
    .number()
    .min(0)
    .transform((seconds) => toDuration(seconds * 1_000)),
]);

/**
 * Reads a duration: ISO-8601 text, or a bare number of seconds (X-14). Yields the canonical text.
 * @public
 */
export const durationSchema: z.ZodType<Duration, string | number> = asText.transform((text) =>
  toDuration(durationMs(text)),
);

/** Like {@link durationSchema}, but zero is refused: for periods in which something has to happen. @public */
export const positiveDurationSchema: z.ZodType<Duration, string | number> = asText
  .transform((text) => toDuration(durationMs(text)))
  .refine((text) => durationMs(text) > 0, { error: 'must be longer than zero' });
