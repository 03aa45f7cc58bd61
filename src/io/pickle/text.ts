/** Numbers and strings as pickles write them: in binary, and in the lines of text that protocol 0 consists of. */
import { FormatError } from '../../base/errors.ts';
import type { MakeError } from './items.ts';
import { PyFloat } from '../pt/value.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Python itself reads no more digits of a number in text. */
const MAX_DIGITS = 4300;

/** Whole floats stay apart from ints until the end, so that a float cannot stand where an int is expected. */
export const asFloat = (value: number): number | PyFloat => (Number.isSafeInteger(value) ? new PyFloat(value) : value);

/** An int as number where that is exact. */
export function asInt(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** Two's complement, lowest byte first. */
export function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  // In hexadecimal, so that a number of a megabyte takes no longer than reading it.
  let hex = '';
  for (let i = bytes.length - 1; i >= 0; i--) hex += bytes[i]!.toString(16).padStart(2, '0');
  return asInt(BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`)));
}

/** `I12` or `L12L`, and what Python before 2.3 wrote for booleans: `I01` and `I00`. */
export function decodeIntLine(line: Uint8Array, long: boolean, error: MakeError): number | bigint | boolean {
  const text = latin1(line).trim();
  if (!long && (text === '00' || text === '01')) return text === '01';
  const digits = long ? text.replace(/L$/, '') : text;
  if (digits.length > MAX_DIGITS) throw error(`a number of ${digits.length} digits; expected at most ${MAX_DIGITS}`);
  if (!/^[+-]?\d+$/.test(digits)) throw error('a number that is none; the file is damaged, fetch it again');
  return asInt(digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits.replace('+', '')));
}

/** `F1.5`, `Finf`, `Fnan`. */
export function decodeFloatLine(line: Uint8Array, error: MakeError): number | PyFloat {
  const text = latin1(line.subarray(0, 400)).trim().toLowerCase();
  const named = /^([+-]?)(inf(?:inity)?|nan)$/.exec(text);
  if (named !== null) return named[2] === 'nan' ? NaN : named[1] === '-' ? -Infinity : Infinity;
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) return asFloat(Number(text));
  throw error('a float that is none; the file is damaged, fetch it again');
}

/** UTF-8 in which, as in Python's pickles, halves of surrogate pairs may stand by themselves. */
export function decodeText(bytes: Uint8Array, error: MakeError): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return decodeWithSurrogates(bytes, error);
  }
}

/** What Python 2 called a string: text if it is UTF-8, as `torch.load` reads it, and else bytes. */
export function decodePython2(bytes: Uint8Array): string | Uint8Array {
  try {
    return UTF8.decode(bytes);
  } catch {
    return bytes.slice();
  }
}

/** A surrogate takes three bytes, from ED A0 80 to ED BF BF, which strict UTF-8 forbids. */
function decodeWithSurrogates(bytes: Uint8Array, error: MakeError): string {
  const parts: string[] = [];
  let from = 0;
  const flush = (to: number): void => {
    try {
      parts.push(UTF8.decode(bytes.subarray(from, to)));
    } catch {
      throw error('a string that is not valid UTF-8; the file is damaged, fetch it again');
    }
  };
  for (let at = 0; at + 2 < bytes.length; at++) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
    if (a !== 0xed || b < 0xa0 || b > 0xbf || (c & 0xc0) !== 0x80) continue;
    flush(at);
    parts.push(String.fromCharCode(0xd000 | ((b & 0x3f) << 6) | (c & 0x3f)));
    from = at + 3;
    at += 2;
  }
  flush(bytes.length);
  return parts.join('');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': '',
};

/** `S'text'` as Python's `repr` writes it. */
export function decodeStringLine(line: Uint8Array, error: MakeError): string | Uint8Array {
  const text = latin1(line).trim();
  const quoted = /^(['"])([\s\S]*)\1$/.exec(text)?.[2];
  if (quoted === undefined) throw error('a string without its quotes; the file is damaged, fetch it again');
  const plain = quoted.replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[\s\S])/g, (whole, code: string) => {
    if (code.startsWith('x') && code.length === 3) return String.fromCharCode(parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(parseInt(code, 8) & 255);
    return ESCAPES[code] ?? whole;
  });
  return decodePython2(bytesOfLatin1(plain));
}

/** `Vtext`, where `\u0000` and `\U00000000` stand for characters and each other byte for itself. */
export function decodeUnicodeLine(line: Uint8Array, error: MakeError): string {
  return latin1(line).replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/g, (_, code: string) => {
    const point = parseInt(code.slice(1), 16);
    if (point > 0x10ffff) throw error('a character beyond those of Unicode; the file is damaged, fetch it again');
    return String.fromCodePoint(point);
  });
}

/** A number for each byte, as Python's `latin-1` has it. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

/** The bytes of a string of characters below 256. @throws FormatError when one is not */
export function bytesOfLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw new FormatError('a string that stands for bytes has a character beyond them');
    bytes[i] = code;
  }
  return bytes;
}
