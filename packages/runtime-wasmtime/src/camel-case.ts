/** A WIT name as JavaScript has it: `full-name` is `fullName`. @internal */
export function camelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
