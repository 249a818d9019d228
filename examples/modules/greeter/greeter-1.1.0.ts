/** The better release: a warmer greeting, and a name that is missing or blank no longer leaves a hole in it. */

const PROBES: readonly string[] = ['Ada', 'Grace', 'Barbara', 'Zoë', '  '];

function displayName(name: string): string {
  const trimmed = name.trim();
  return trimmed === '' ? 'friend' : trimmed;
}

export function greet(name: string): string {
  return `Good to see you, ${displayName(name)}!`;
}

export function version(): string {
  return '1.1.0';
}

export function healthCheck(): string {
  const wrong = PROBES.filter((name) => !greet(name).includes(displayName(name)));
  return wrong.length === 0 ? 'OK' : `greet is wrong for ${wrong.join(', ')}`;
}
