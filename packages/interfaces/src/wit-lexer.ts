import { interfaceError } from './error-codes.ts';

/** One word of WIT. @internal */
export interface WitToken {
  readonly kind: 'id' | 'integer' | 'symbol' | 'text' | 'end';
  /** The name without `%`, the digits, the symbol, or the contents of a quoted text. */
  readonly text: string;
  /** Whether it was written as `%name`: never a keyword then. */
  readonly isExplicit: boolean;
  /** Offset of its first character. */
  readonly at: number;
}

/** What is read at most of a text that strangers may have written. @internal */
export const witLimits = { characters: 1_048_576, tokens: 300_000, depth: 100, definitions: 20_000 } as const;

const word = /%?[A-Za-z_][A-Za-z0-9_-]*/y;
const digits = /[0-9]+/y;
const blank = /[ \t\r\n]+/y;
const symbol = /->|[=,:.;(){}<>*@/+-]/y;
const quoted = /"[^"\\\n]*(?:\\.[^"\\\n]*)*"/y;

/**
 * Splits a text into words; comments are left out.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_TOO_LARGE
 * @internal
 */
export function readTokens(text: string): readonly WitToken[] {
  if (text.length > witLimits.characters)
    throw interfaceError('HS_INTERFACE_TOO_LARGE', { limit: witLimits.characters, unit: 'characters' });
  const tokens: WitToken[] = [];
  let at = 0;
  while (at < text.length) {
    const after = skipped(text, at);
    if (after > at) {
      at = after;
      continue;
    }
    const token = tokenAt(text, at);
    if (tokens.length >= witLimits.tokens)
      throw interfaceError('HS_INTERFACE_TOO_LARGE', { limit: witLimits.tokens, unit: 'words' });
    tokens.push(token.token);
    at = token.end;
  }
  tokens.push({ kind: 'end', text: '', isExplicit: false, at: text.length });
  return tokens;
}

/** Where blanks and one comment that begin at `at` end. */
function skipped(text: string, at: number): number {
  const afterBlank = matchAt(blank, text, at);
  if (afterBlank !== null) return at + afterBlank.length;
  if (text.startsWith('//', at)) {
    const end = text.indexOf('\n', at);
    return end < 0 ? text.length : end + 1;
  }
  return text.startsWith('/*', at) ? endOfComment(text, at) : at;
}

/** Comments nest. */
function endOfComment(text: string, from: number): number {
  const border = /\/\*|\*\//g;
  border.lastIndex = from;
  let depth = 0;
  for (let found = border.exec(text); found !== null; found = border.exec(text)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return border.lastIndex;
  }
  throw invalidWit(text, from, 'the comment does not end');
}

function tokenAt(text: string, at: number): { readonly token: WitToken; readonly end: number } {
  const made = (kind: WitToken['kind'], raw: string, shown = raw, isExplicit = false): ReturnType<typeof tokenAt> => ({
    token: { kind, text: shown, isExplicit, at },
    end: at + raw.length,
  });
  const name = matchAt(word, text, at);
  if (name !== null) {
    const isExplicit = name.startsWith('%');
    return made('id', name, isExplicit ? name.slice(1) : name, isExplicit);
  }
  const number = matchAt(digits, text, at);
  if (number !== null) return made('integer', number);
  const mark = matchAt(symbol, text, at);
  if (mark !== null) return made('symbol', mark);
  const literal = matchAt(quoted, text, at);
  if (literal !== null) return made('text', literal, literal.slice(1, -1));
  throw invalidWit(
    text,
    at,
    `the character ${JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))} has no place in WIT`,
  );
}

function matchAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

/** The mistake with its line and column, both from 1. @internal */
export function invalidWit(text: string, at: number, why: string): Error {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return interfaceError('HS_INTERFACE_INVALID_WIT', { line, column: at - before.lastIndexOf('\n'), why });
}
