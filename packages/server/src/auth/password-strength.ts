import { serverError } from '../error-codes.ts';

const leastDifferent = 5;
const common =
  /^(?:password|qwerty|letmein|welcome|administrator|iloveyou|abc)[\d\W]*$|^(?:0?1234567890*|9?876543210*)+$/i;

/**
 * Refuses passwords that are guessed first. Their length is checked with the request.
 * @throws HS_AUTH_WEAK_PASSWORD
 * @internal
 */
export function requireStrongPassword(password: string, username: string): void {
  const why = weaknessOf(password, username);
  if (why !== null) throw serverError('HS_AUTH_WEAK_PASSWORD', { why });
}

function weaknessOf(password: string, username: string): string | null {
  if (new Set(password).size < leastDifferent) return 'it repeats the same few characters';
  if (password.toLowerCase().includes(username.toLowerCase())) return 'it contains the name';
  if (common.test(password)) return 'everybody tries it';
  return null;
}
