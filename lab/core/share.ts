/**
 * A setup in a link: JSON, compressed (deflate), in the letters of base64url, after the version of this packing. Pictures are not in it. Links come from
 * anywhere, so reading is bounded: how long the text is, how much it unpacks to, and all that `readSetup` checks.
 */
import { readSetup, SetupError } from './read-setup.ts';
import type { Setup } from './spec.ts';

const VERSION = '1';
/** Letters of a link; setups of a hundred blocks take a few hundred. */
const LONGEST = 20_000;
/** Bytes that it may unpack to. */
const LARGEST = 200_000;

/** The text for a link. */
export async function packSetup(setup: Setup): Promise<string> {
  const json = new TextEncoder().encode(JSON.stringify(setup));
  const packed = new Blob([json]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  return VERSION + toBase64Url(bytes);
}

/**
 * The setup of a link's text.
 * @throws SetupError for what is none, with a sentence for people
 */
export async function unpackSetup(text: string): Promise<Setup> {
  if (text.length > LONGEST) throw new SetupError('the link is too long to be one of the laboratory');
  if (!text.startsWith(VERSION)) throw damaged();
  const json = await inflated(fromBase64Url(text.slice(VERSION.length)));
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch {
    throw damaged();
  }
  return readSetup(value);
}

const damaged = (): SetupError => new SetupError('the link is damaged or not one of the laboratory: copy the whole link again');

/** Stops as soon as it is too much. */
async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw damaged();
    });
    if (done) break;
    length += value.length;
    if (length > LARGEST) {
      await reader.cancel().catch(() => undefined);
      throw new SetupError('the link holds more than a setup can be');
    }
    parts.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function toBase64Url(bytes: Uint8Array): string {
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw damaged();
  try {
    const letters = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  } catch {
    throw damaged();
  }
}
