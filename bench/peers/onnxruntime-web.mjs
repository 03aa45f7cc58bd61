/** The onnxruntime-web peer on its WebAssembly backend, inference only. Arguments: threads, clock. A request says which ONNX file is its row's. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import ort from 'onnxruntime-web/wasm';
import { serve } from './serve.mjs';

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', `file://${createRequire(import.meta.url).resolve('onnxruntime-web')}`), 'utf8'),
);
ort.env.wasm.numThreads = Number(process.argv[2]);
ort.env.logLevel = 'error';

function random(dims) {
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => Math.random() * 2 - 1);
  return new ort.Tensor('float32', data, dims);
}

await serve(version, async ({ file, input }) => {
  if (file === undefined) return undefined;
  const session = await ort.InferenceSession.create(readFileSync(file), { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
  const feeds = Object.fromEntries(session.inputMetadata.map(({ name, shape }) => [name, random(input ?? shape)]));
  return () => session.run(feeds);
});
