/** Where the benchmarks keep what they made or fetched: packages, ONNX files, PyTorch's compiled code, the settings that won. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const CACHE = process.env.FLAMBEAU_BENCH_CACHE ?? join(ROOT, 'node_modules/.cache/bench');
export const PACKAGES = join(CACHE, 'packages');
