/** The first release: a plain greeting, and a health check that greets a few people and looks at the answers. */

const PROBES: readonly string[] = ['Ada', 'Grace', 'Barbara', 'Zoë'];

export function greet(name: string): string {
  return `Hello, ${name}!`;
}

export function version(): string {
  return '1.0.0';
}

export function healthCheck(): string {
  const wrong = PROBES.filter((name) => !greet(name).includes(name));
  return wrong.length === 0 ? 'OK' : `greet is wrong for ${wrong.join(', ')}`;
}
