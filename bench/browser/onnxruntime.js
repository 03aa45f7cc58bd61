// onnxruntime-web's part of the page: the same models as ONNX files, its WebAssembly backend with SIMD and threads.

export async function openModel(name, { threads, input, shape, folder }) {
  const ort = await import('/ort/ort.wasm.min.mjs');
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = '/ort/';
  const session = await ort.InferenceSession.create(`${folder}/${name}.onnx`, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  });
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', input, shape) };
  return async () => (await session.run(feeds))[session.outputNames[0]].data;
}
