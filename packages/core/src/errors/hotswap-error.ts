import type { Json } from '../model/json.ts';
import { coreErrorCodes } from './error-codes.ts';

/** Marks the class for {@link isHotSwapError}; registered globally so that two copies of the package agree. @internal */
export const brand: unique symbol = Symbol.for('hotswap.error');

/**
 * What one error code means.
 * @public
 */
export interface ErrorCodeEntry {
  /** Text with `{name}` places that are filled from the details: what happened, why, what to do next. */
  readonly message: string;
  /** Status of the HTTP answer when the error reaches a caller of the REST API. */
  readonly httpStatus: number;
  /** Whether the same call may succeed later without a change by the caller. Default `false`. */
  readonly retryable?: boolean;
}

/** Codes of one package by name. Third parties use a prefix of their own instead of `HS_`. @public */
export type ErrorCodeTable = Readonly<Record<string, ErrorCodeEntry>>;

/** Facts that go with an error. They may be shown to callers: no paths, SQL, secrets. @public */
export type ErrorDetails = Readonly<Record<string, Json | undefined>>;

/**
 * The one error class of the project. Codes are stable within a major version, messages are not.
 * @public
 */
export class HotSwapError extends Error {
  override readonly name = 'HotSwapError';
  /** `HS_<AREA>_<CONDITION>`. */
  readonly code: string;
  readonly details: ErrorDetails;
  readonly httpStatus: number;
  readonly retryable: boolean;

  constructor(code: string, entry: ErrorCodeEntry, details: ErrorDetails, cause?: unknown) {
    super(fill(entry.message, details), cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
    this.httpStatus = entry.httpStatus;
    this.retryable = entry.retryable ?? false;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Makes the errors of one table; each package exports one for its own codes. @public */
export type ErrorFactory<T extends ErrorCodeTable> = (
  code: keyof T & string,
  details?: ErrorDetails,
  cause?: unknown,
) => HotSwapError;

/**
 * Makes a package's error factory from its table: `const storeError = errorFactory(storeErrorCodes)`.
 * @public
 */
export function errorFactory<T extends ErrorCodeTable>(table: T): ErrorFactory<T> {
  return (code, details = {}, cause) =>
    new HotSwapError(code, (table as ErrorCodeTable)[code] as ErrorCodeEntry, details, cause);
}

/** Errors with the codes that core itself declares. @public */
export const hotSwapError: ErrorFactory<typeof coreErrorCodes> = errorFactory(coreErrorCodes);

function fill(template: string, details: ErrorDetails): string {
  return template.replaceAll(/\{(\w+)\}/g, (place, name: string) => {
    const value = details[name];
    if (value === undefined) return place;
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}
