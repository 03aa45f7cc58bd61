/**
 * The parts of the JPEG decoder, a module of its own so that they are fetched when the first JPEG file is met and not before:
 * Emscripten's wrapper and the WebAssembly, both inside the JavaScript, where every bundler finds them.
 */
import type { Bytes } from '../../base/host-types.ts';
import factory from '@jsquash/jpeg/codec/dec/mozjpeg_dec.js';
import base64 from '@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm';

/** Emscripten's function that makes an instance; `jpeg.ts` says what it uses of it. */
export const makeInstance: unknown = factory;

/** The decoder's WebAssembly. */
export const wasmBytes = (): Bytes => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
