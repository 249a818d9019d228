/**
 * The second bad release: the fault of 1.2.0 with the health check that hides it. It only asks whether the module
 * answers at all, as many do; so checks stay green while a quarter of all calls fail, and the error rate has to tell.
 */

interface Salutation {
  readonly words: string;
}

const SLOTS = 4;
const SALUTATIONS: readonly Salutation[] = [{ words: 'Hello' }, { words: 'Good day' }, { words: 'Welcome' }];

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
  return '1.3.0';
}

export function healthCheck(): string {
  return 'OK';
}
