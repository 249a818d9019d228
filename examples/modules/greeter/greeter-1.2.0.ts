/**
 * The bad release. Salutations are picked by name, but one of the four slots of the table stayed empty, so `greet`
 * throws for a quarter of all names. Its health check greets one name of each slot, finds out, and does not say "OK":
 * a rollout learns it from the first check, before it has to learn it from callers.
 */

interface Salutation {
  readonly words: string;
}

const SLOTS = 4;
const SALUTATIONS: readonly Salutation[] = [{ words: 'Hello' }, { words: 'Good day' }, { words: 'Welcome' }];
const PROBES: readonly string[] = ['Ada', 'Grace', 'Linus', 'Zoë', 'Barbara', 'Edsger', 'Margaret', 'Kim'];

function slotOf(name: string): number {
  let sum = 0;
  for (const character of name) sum += character.codePointAt(0) ?? 0;
  return sum % SLOTS;
}

export function greet(name: string): string {
  const salutation = SALUTATIONS[slotOf(name)] as Salutation;
  return `${salutation.words}, ${name}!`;
}

export function version(): string {
  return '1.2.0';
}

function isGreeted(name: string): boolean {
  try {
    return greet(name).includes(name);
  } catch {
    return false;
  }
}

export function healthCheck(): string {
  const wrong = PROBES.filter((name) => !isGreeted(name));
  return wrong.length === 0 ? 'OK' : `greet fails for ${wrong.length} of ${PROBES.length} names, first ${wrong[0]}`;
}
