/** Bytes as text for pages: RFC 4648, with what the host has for it. */
import type { Bytes } from './host-types.ts';

/** Bytes that become one string at a time: more arguments than this overflow a call. */
const PIECE = 8192;

export function toBase64(bytes: Uint8Array): string {
  const { toBase64: fast } = bytes as { toBase64?: () => string };
  if (fast !== undefined) return fast.call(bytes);
  let binary = '';
  for (let i = 0; i < bytes.length; i += PIECE) binary += String.fromCharCode(...bytes.subarray(i, i + PIECE));
  return btoa(binary);
}

export function fromBase64(text: string): Bytes {
  const { fromBase64: fast } = Uint8Array as { fromBase64?: (text: string) => Bytes };
  if (fast !== undefined) return fast.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
