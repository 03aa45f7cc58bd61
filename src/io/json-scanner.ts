/**
 * Reads JSON (RFC 8259) member by member, for headers of known form from strangers: nothing is built but what the caller keeps, names may be
 * looked at as they come (so that two of one name are noticed), and integers are exact or refused.
 */
import type { FormatError } from '../base/errors.ts';

const BLANKS = new Set([' ', '\t', '\n', '\r']);
/** A number that is whole, not negative, and exact. */
const INTEGER = /(0|[1-9][0-9]{0,15})(?![0-9.eE])/y;

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
    if (digits === undefined || !Number.isSafeInteger(value))
      throw this.error('expected a whole number from 0 to 2^53');
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
      this.#at = end + 1;
      return value;
    } catch {
      throw this.error('a string that is not well-formed');
    }
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
