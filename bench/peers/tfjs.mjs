/**
 * The TensorFlow.js peer on its WebAssembly backend, the fastest of that library in Node without native code. Inference only:
 * it has no gradients of convolutions there. Channels last, as it likes them best. Argument: threads (it takes one or all).
 */
import * as tf from '@tensorflow/tfjs-core';
import { setThreadsCount, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import { serve } from './serve.mjs';

setThreadsCount(Number(process.argv[2]));
await tf.setBackend('wasm');
await tf.ready();

const filter = (size, from, to) => tf.randomNormal([size, size, from, to]);
const conv = (from, to, stride = 1) => {
  const [w, b] = [filter(3, from, to), tf.randomNormal([to])];
  return (x) => tf.relu(tf.add(tf.conv2d(x, w, stride, stride === 1 ? 'same' : [[0, 0], [1, 1], [1, 1], [0, 0]]), b)); // prettier-ignore
};
const dense = (from, to) => {
  const [w, b] = [tf.randomNormal([from, to]), tf.randomNormal([to])];
  return (x) => tf.add(tf.matMul(x, w), b);
};
const chain = (x, layers) => layers.reduce((value, layer) => layer(value), x);
const pool = (x) => tf.maxPool(x, 2, 2, 'valid');

const NETWORKS = {
  w1: (n) => [conv(3, 16, 2), conv(16, 32, 2), (x) => tf.reshape(x, [n, 2048]), dense(2048, 10)],
  w2: (n) => [
    ...[conv(3, 16), pool, conv(16, 32), pool, conv(32, 64), pool],
    ...[(x) => tf.reshape(x, [n, 1024]), dense(1024, 500), tf.relu, dense(500, 10)],
  ],
};

/** Makes a run of `fn` that waits for the result's values. */
const run = (fn) => async () => {
  const y = tf.tidy(fn);
  await y.data();
  y.dispose();
};

await serve(version_wasm, ({ row }) => {
  if (row === 'matmul-1024') {
    const [a, b] = [tf.randomNormal([1024, 1024]), tf.randomNormal([1024, 1024])];
    return run(() => tf.matMul(a, b));
  }
  if (row === 'w4-conv-fwd') {
    const [x, w] = [tf.randomNormal([32, 56, 56, 64]), filter(3, 64, 64)];
    return run(() => tf.conv2d(x, w, 1, 'same'));
  }
  const [name, kind, batch] = row.split('-');
  if (kind !== 'infer' || NETWORKS[name] === undefined) return undefined;
  const layers = NETWORKS[name](Number(batch));
  const x = tf.randomNormal([Number(batch), 32, 32, 3]);
  return run(() => chain(x, layers));
});
