const leastCharacters = 32;
const leastDifferent = 10;
const placeholders = /change[-_ ]?(?:me|this|it)|your[-_ ]|placeholder|example|password|secret[-_ ]?key|^\$\{/i;

/**
 * Why a secret that others must not guess is too weak, or `null`: short ones, repetitive ones, and those that stand in
 * somebody's documentation. The value itself is never in the answer.
 * @internal
 */
export function weaknessOf(secret: string): string | null {
  if (secret.length < leastCharacters) return `must have at least ${leastCharacters} characters${advice}`;
  if (new Set(secret).size < leastDifferent) return `repeats the same few characters${advice}`;
  if (placeholders.test(secret)) return `looks like a placeholder${advice}`;
  return null;
}

const advice = ': make one with `openssl rand -base64 48`';
