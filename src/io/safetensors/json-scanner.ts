/**
 * Reads JSON (RFC 8259) member by member, for headers of known form from strangers: nothing is built but what the caller keeps, names may be
 * looked at as they come (so that two of one name are noticed), and integers are exact or refused.
 */
import type { FormatError } from '../../base/errors.ts';

const BLANKS = new Set([' ', '\t', '\n', '\r']);
/** A number that is whole, not negative, and exact. */
const INTEGER = /(0|[1-9][0-9]{0,15})(?![0-9.eE])/y;

/** What is neither text nor a container. */
const OTHER = /(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null)(?![\w.+-])/y;
/** Half of a surrogate pair, which JSON can write and which is no text. */
const HALF_PAIR = /\p{Cs}/u;
/** Values deeper in one another are refused, as by the reference implementation of safetensors. */
const MAX_DEPTH = 120;

export class JsonScanner {
  readonly #text: string;
  readonly #makeError: (why: string, at: number) => FormatError;
  #at = 0;

  constructor(text: string, makeError: (why: string, at: number) => FormatError) {
    this.#text = text;
    this.#makeError = makeError;
  }

  error(why: string): FormatError {
    return this.#makeError(why, this.#at);
  }

  /** Reads `{"name": …}`; `member` reads each value. */
  object(member: (name: string) => void): void {
    this.#expect('{');
    if (this.#accept('}')) return;
    do {
      const name = this.string();
      this.#expect(':');
      member(name);
    } while (this.#accept(','));
    this.#expect('}');
  }

  /** Reads `[1, 2, …]` of at most `most` numbers. */
  integers(most: number): number[] {
    const list: number[] = [];
    this.#expect('[');
    if (this.#accept(']')) return list;
    do {
      if (list.length === most) throw this.error(`more than ${most} numbers`);
      list.push(this.#integer());
    } while (this.#accept(','));
    this.#expect(']');
    return list;
  }

  #integer(): number {
    this.#skip();
    INTEGER.lastIndex = this.#at;
    const digits = INTEGER.exec(this.#text)?.[0];
    const value = Number(digits);
    if (digits === undefined || !Number.isSafeInteger(value)) throw this.error('expected a whole number from 0 to 2^53');
    this.#at += digits.length;
    return value;
  }

  string(): string {
    this.#skip();
    if (this.#text[this.#at] !== '"') throw this.error('expected a string');
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    try {
      const value = JSON.parse(this.#text.slice(this.#at, end + 1)) as string;
      if (!HALF_PAIR.test(value)) {
        this.#at = end + 1;
        return value;
      }
    } catch {
      // said below
    }
    throw this.error('a string that is not well-formed');
  }

  /** Whether `null` comes, which is then passed over. */
  isNull(): boolean {
    this.#skip();
    if (!this.#text.startsWith('null', this.#at)) return false;
    this.#at += 4;
    return true;
  }

  /** Passes over a value of any kind. */
  skipValue(depth = 0): void {
    if (depth >= MAX_DEPTH) throw this.error(`values more than ${MAX_DEPTH} deep`);
    this.#skip();
    const char = this.#text[this.#at];
    if (char === '"') this.string();
    else if (char === '{') this.object(() => this.skipValue(depth + 1));
    else if (char === '[') this.#skipArray(depth);
    else {
      OTHER.lastIndex = this.#at;
      const other = OTHER.exec(this.#text)?.[0];
      if (other === undefined) throw this.error('expected a value');
      this.#at += other.length;
    }
  }

  #skipArray(depth: number): void {
    this.#expect('[');
    if (this.#accept(']')) return;
    do this.skipValue(depth + 1);
    while (this.#accept(','));
    this.#expect(']');
  }

  /** Makes sure that nothing but blanks is left. */
  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw this.error('more follows');
  }

  #skip(): void {
    while (BLANKS.has(this.#text[this.#at]!)) this.#at++;
  }

  #accept(char: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #expect(char: string): void {
    if (!this.#accept(char)) throw this.error(`expected ${char}`);
  }
}
