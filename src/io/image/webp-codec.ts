/**
 * The WebP decoder's WebAssembly (`tools/webp-decoder`), a module of its own so that it is fetched when the first WebP file is met and not
 * before. It lies inside the JavaScript, where every bundler finds it.
 */
import { fromBase64 } from '../../base/base64.ts';
import type { Bytes } from '../../base/host-types.ts';
import base64 from './webp-decoder.wasm';

export const wasmBytes = (): Bytes => fromBase64(base64);
