import { invalidWit, readTokens, type WitToken } from './wit-lexer.ts';
import type { Gate } from './wit-syntax.ts';

/** Reads words one after the other and says what was expected where something else stands. @internal */
export class TokenReader {
  readonly #text: string;
  readonly #tokens: readonly WitToken[];
  #next = 0;

  /** @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_TOO_LARGE */
  constructor(text: string) {
    this.#text = text;
    this.#tokens = readTokens(text);
  }

  /** The word `ahead` places further on, without taking it. */
  peek(ahead = 0): WitToken {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)] as WitToken;
  }

  take(): WitToken {
    const token = this.peek();
    if (this.#next < this.#tokens.length) this.#next++;
    return token;
  }

  /** Whether the next word is this symbol or keyword. */
  is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return (token.kind === 'symbol' || token.kind === 'id') && token.text === text && !token.isExplicit;
  }

  /** Takes the symbol or keyword if it is next. */
  eat(text: string): boolean {
    if (!this.is(text)) return false;
    this.#next++;
    return true;
  }

  /** @throws HS_INTERFACE_INVALID_WIT */
  expect(text: string): WitToken {
    if (!this.is(text)) throw this.unexpected(`\`${text}\``);
    return this.take();
  }

  /** A name that is no keyword, or any name after `%`. @throws HS_INTERFACE_INVALID_WIT */
  name(): WitToken {
    const token = this.peek();
    if (token.kind !== 'id' || (!token.isExplicit && keywords.has(token.text))) throw this.unexpected('a name');
    if (!isKebab(token.text))
      throw this.mistake(`${token.text} is no name: write words in one case, joined by -`, token.at);
    return this.take();
  }

  /** Items between brackets, separated by commas; the last one may have a comma too. */
  list<Item>(open: string, close: string, item: () => Item): readonly Item[] {
    this.expect(open);
    const items: Item[] = [];
    while (!this.eat(close)) {
      items.push(item());
      if (!this.eat(',')) {
        this.expect(close);
        break;
      }
    }
    return items;
  }

  /** `1.2.3-rc.1+build`; the text is taken as it stands. @throws HS_INTERFACE_INVALID_WIT */
  version(): string {
    const { at } = this.peek();
    version.lastIndex = at;
    const found = version.exec(this.#text)?.[0];
    if (found === undefined) throw this.unexpected('a version such as 1.2.0');
    const end = at + found.length;
    while (this.peek().kind !== 'end' && this.peek().at < end) this.#next++;
    const last = this.peek(-1);
    if (last.at + last.text.length !== end) throw this.mistake('a version such as 1.2.0 is expected here', at);
    return found;
  }

  /** `@since(version = 1.2.0)` and the like. */
  gate(): Gate {
    let deprecatedSince: string | null = null;
    let unstable: string | null = null;
    while (this.eat('@')) {
      const name = this.take();
      this.expect('(');
      if (name.text === 'since' || name.text === 'deprecated') {
        this.expect('version');
        this.expect('=');
        const since = this.version();
        if (name.text === 'deprecated') deprecatedSince = since;
      } else if (name.text === 'unstable') {
        this.expect('feature');
        this.expect('=');
        unstable = this.name().text;
      } else if (name.text === 'external-id' && this.peek().kind === 'text') {
        this.take();
      } else {
        throw this.mistake(`there is no attribute @${name.text}`, name.at);
      }
      this.expect(')');
    }
    return { deprecatedSince, unstable };
  }

  unexpected(expected: string): Error {
    const { kind, text, at } = this.peek();
    return this.mistake(
      `${expected} is expected here, not ${kind === 'end' ? 'the end' : `\`${text.slice(0, 60)}\``}`,
      at,
    );
  }

  mistake(why: string, at: number = this.peek().at): Error {
    return invalidWit(this.#text, at, why);
  }
}

const version =
  /\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?/y;

const keywords: ReadonlySet<string> = new Set([
  ...['use', 'type', 'func', 'u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64', 'f32', 'f64', 'char', 'record'],
  ...[
    'resource',
    'own',
    'borrow',
    'flags',
    'variant',
    'enum',
    'bool',
    'string',
    'option',
    'result',
    'future',
    'stream',
  ],
  ...['error-context', 'list', 'map', '_', 'as', 'from', 'static', 'interface', 'tuple', 'import', 'export', 'world'],
  ...['package', 'constructor', 'include', 'with', 'async'],
]);

function isKebab(text: string): boolean {
  return /^[A-Za-z]/.test(text) && text.split('-').every((part) => /^(?:[a-z0-9]+|[A-Z0-9]+)$/.test(part));
}
