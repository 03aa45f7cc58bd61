/** The onnxruntime-node peer: inference only. Arguments: threads, folder of the ONNX files (export_onnx.py). */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { serve } from './serve.mjs';

const [threads, folder] = process.argv.slice(2);
const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json');
const SIZES = { 'w4-conv-fwd': [[32, 64, 56, 56]], 'matmul-1024': [[1024, 1024], [1024, 1024]] }; // prettier-ignore

function random(dims) {
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => Math.random() * 2 - 1);
  return new ort.Tensor('float32', data, dims);
}

await serve(version, async (row) => {
  const file = join(folder, `${row}.onnx`);
  if (!existsSync(file)) return undefined;
  const sizes = SIZES[row] ?? [[Number(row.split('-').at(-1)), 3, 32, 32]];
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const feeds = Object.fromEntries(sizes.map((dims, i) => [`x${i}`, random(dims)]));
  return () => session.run(feeds);
});
