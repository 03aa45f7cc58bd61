/** The bytes of a `.wasm` file, which lies in JavaScript deflated and in base64 (`tools/wasm-text.mjs`). */
import { unzlibSync } from 'fflate';
import { fromBase64 } from '../../base/base64.ts';
import type { Bytes } from '../../base/host-types.ts';

export const unpackedWasm = (packed: string): Bytes => unzlibSync(fromBase64(packed));
