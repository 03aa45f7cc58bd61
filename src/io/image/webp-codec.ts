/**
 * The WebP decoder's WebAssembly (`tools/webp-decoder`), a module of its own so that it is fetched when the first WebP file is met and not
 * before. It lies inside the JavaScript, where every bundler finds it.
 */
import type { Bytes } from '../../base/host-types.ts';
import { unpackedWasm } from '../bytes/packed-wasm.ts';
import packed from './webp-decoder.wasm';

/** As it lies here, for pages that carry it with them. */
export const packedCodec = packed;

export const wasmBytes = (): Bytes => unpackedWasm(packed);
