/**
 * Names of files whose bytes are not UTF-8, as strings: each byte that does not belong to a character becomes one of the code units U+DC80
 * to U+DCFF, as Python does it (https://peps.python.org/pep-0383/), and back again. No character is such a unit, so nothing is lost.
 */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE = /[\udc80-\udcff]/;
/** A character of UTF-8 has at most so many bytes. */
const LONGEST = 4;

/** The name that bytes stand for. */
export function decodeFileName(bytes: Uint8Array): string {
  const whole = decoded(bytes);
  if (whole !== undefined) return whole;
  let name = '';
  for (let at = 0; at < bytes.length;) {
    const length = characterAt(bytes, at);
    name += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : decoded(bytes.subarray(at, at + length))!;
    at += Math.max(length, 1);
  }
  return name;
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** How many bytes the character has that begins here; 0 where none does. */
function characterAt(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= LONGEST && at + length <= bytes.length; length++)
    if (decoded(bytes.subarray(at, at + length)) !== undefined) return length;
  return 0;
}

/** What the system takes for a name: the string itself, or its bytes where they are no UTF-8. */
export function systemPath(path: string): string {
  if (!LONE.test(path)) return path;
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const character of path) {
    const unit = character.charCodeAt(0);
    if (character.length === 1 && unit >= 0xdc80 && unit <= 0xdcff) bytes.push(unit - 0xdc00);
    else bytes.push(...encoder.encode(character));
  }
  // Node's functions take bytes where they take strings.
  return Uint8Array.from(bytes) as unknown as string;
}
