// TensorFlow.js's part of the page: its WebAssembly backend, channels last as it likes them best, batch normalisation folded into the convolutions and activations fused, as its own
// converter does. Training takes its backend in JavaScript, since the WebAssembly one has no gradients of convolutions.
/* global fetch, TextDecoder */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

async function start(backend, threads) {
  setWasmPaths('/tfjs/');
  if (threads !== undefined) setThreadsCount(threads);
  await tf.setBackend(backend);
  await tf.ready();
}

/** The tensors of a safetensors file as numbers. */
async function weights(url) {
  const bytes = await (await fetch(url)).arrayBuffer();
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length)));
  const entries = Object.entries(head).filter(([name, { dtype }]) => name !== '__metadata__' && dtype === 'F32');
  return new Map(entries.map(([name, { shape, data_offsets: [from, to] }]) => [name, { shape, data: new Float32Array(bytes.slice(8 + length + from, 8 + length + to)) }])); // prettier-ignore
}

/** A convolution with its batch normalisation folded in, as a function of images. */
function convolution(state, conv, norm, { stride = 1, eps = 1e-5, activation } = {}) {
  const { shape, data } = state.get(`${conv}.weight`);
  const [out, inside, size] = shape;
  const [scale, shift] = [new Float32Array(out).fill(1), new Float32Array(out)];
  if (norm === undefined) shift.set(state.get(`${conv}.bias`).data);
  else {
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (part) => state.get(`${norm}.${part}`).data,
    );
    for (let i = 0; i < out; i++) {
      scale[i] = gamma[i] / Math.sqrt(variance[i] + eps);
      shift[i] = beta[i] - mean[i] * scale[i];
    }
  }
  const each = data.length / out;
  const folded = data.map((value, i) => value * scale[Math.floor(i / each)]);
  const isDepthwise = inside === 1 && out > 1;
  const filter = tf.tidy(() => tf.transpose(tf.tensor(folded, shape), isDepthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]));
  const half = (size - 1) / 2;
  const pad = stride === 1 ? 'same' : half === 0 ? 'valid' : [[0, 0], [half, half], [half, half], [0, 0]]; // prettier-ignore
  const fused = activation === 'silu' ? undefined : activation;
  const call = isDepthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
  const bias = tf.tensor1d(shift);
  return (x) => {
    const y = call({ x, filter, strides: stride, pad, bias, activation: fused ?? 'linear' });
    return activation === 'silu' ? silu(y) : y;
  };
}

const silu = (x) => tf.mul(x, tf.sigmoid(x));
const chain = (layers) => (x) => layers.reduce((value, layer) => layer(value), x);
const residual = (inner) => (x) => tf.add(x, inner(x));

function dense(state, name) {
  const { shape, data } = state.get(`${name}.weight`);
  const weight = tf.tidy(() => tf.transpose(tf.tensor(data, shape)));
  const bias = tf.tensor1d(state.get(`${name}.bias`).data);
  return (x) => tf.fused.matMul({ a: tf.mean(x, [1, 2]), b: weight, bias });
}

function mobilenet_v2(state) {
  const activation = 'relu6';
  const layers = [convolution(state, 'features.0.0', 'features.0.1', { stride: 2, activation })];
  let [i, from] = [1, 32];
  for (const [expansion, to, count, first] of [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ])
    for (let j = 0; j < count; j++, i++, from = to) {
      const at = `features.${i}.conv`;
      const stride = j === 0 ? first : 1;
      const wide = expansion === 1 ? [] : [convolution(state, `${at}.0.0`, `${at}.0.1`, { activation })];
      const k = wide.length;
      const block = chain([
        ...wide,
        convolution(state, `${at}.${k}.0`, `${at}.${k}.1`, { stride, activation }),
        convolution(state, `${at}.${k + 1}`, `${at}.${k + 2}`),
      ]);
      layers.push(stride === 1 && from === to ? residual(block) : block);
    }
  return chain([...layers, convolution(state, 'features.18.0', 'features.18.1', { activation }), dense(state, 'classifier.1')]);
}

function resnet18(state) {
  const activation = 'relu';
  const pool = (x) => tf.maxPool(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, 'valid'); // prettier-ignore
  const layers = [convolution(state, 'conv1', 'bn1', { stride: 2, activation }), pool];
  for (let i = 1; i <= 4; i++)
    for (let j = 0; j < 2; j++) {
      const at = `layer${i}.${j}`;
      const stride = i > 1 && j === 0 ? 2 : 1;
      const inner = chain([
        convolution(state, `${at}.conv1`, `${at}.bn1`, { stride, activation }),
        convolution(state, `${at}.conv2`, `${at}.bn2`),
      ]);
      const beside = stride === 1 ? (x) => x : convolution(state, `${at}.downsample.0`, `${at}.downsample.1`, { stride });
      layers.push((x) => tf.relu(tf.add(inner(x), beside(x))));
    }
  return chain([...layers, dense(state, 'fc')]);
}

function efficientnet_b0(state) {
  const activation = 'silu';
  const layers = [convolution(state, 'features.0.0', 'features.0.1', { stride: 2, activation })];
  let from = 32;
  for (const [i, [expansion, to, count, first]] of [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 40, 2, 2],
    [6, 80, 3, 2],
    [6, 112, 3, 1],
    [6, 192, 4, 2],
    [6, 320, 1, 1],
  ].entries())
    // prettier-ignore
    for (let j = 0; j < count; j++, from = to) {
      const at = `features.${i + 1}.${j}.block`;
      const stride = j === 0 ? first : 1;
      const k = expansion === 1 ? 0 : 1;
      const squeeze = [convolution(state, `${at}.${k + 1}.fc1`, undefined, { activation }), convolution(state, `${at}.${k + 1}.fc2`, undefined, { activation: 'sigmoid' })];
      const gate = (x) => tf.mul(x, chain(squeeze)(tf.mean(x, [1, 2], true)));
      const wide = k === 0 ? [] : [convolution(state, `${at}.0.0`, `${at}.0.1`, { activation })];
      const block = chain([...wide, convolution(state, `${at}.${k}.0`, `${at}.${k}.1`, { stride, activation }), gate, convolution(state, `${at}.${k + 2}.0`, `${at}.${k + 2}.1`)]);
      layers.push(stride === 1 && from === to ? residual(block) : block);
    }
  return chain([...layers, convolution(state, 'features.8.0', 'features.8.1', { activation }), dense(state, 'classifier.1')]);
}

const MODELS = { mobilenet_v2, resnet18, efficientnet_b0 };

export async function openModel(name, { threads, input, shape, folder }) {
  const state = weights(`${folder}/${name}.safetensors`); // comes while the backend starts
  await start('wasm', threads);
  const forward = MODELS[name](await state);
  const x = tf.tidy(() => tf.transpose(tf.tensor(input, shape), [0, 2, 3, 1]));
  return async () => {
    const y = tf.tidy(() => forward(x));
    const values = await y.data();
    y.dispose();
    return values;
  };
}

export async function openTraining({ images, labels, batch }) {
  await start('cpu');
  const variable = (shape, fan) => tf.variable(tf.randomUniform(shape, -1 / Math.sqrt(fan), 1 / Math.sqrt(fan)));
  const stage = (from, to) => {
    const [w, b] = [variable([3, 3, from, to], 9 * from), variable([to], 9 * from)];
    return (x) => tf.maxPool(tf.relu(tf.add(tf.conv2d(x, w, 1, 'same'), b)), 2, 2, 'valid');
  };
  const linear = (from, to) => {
    const [w, b] = [variable([from, to], from), variable([to], from)];
    return (x) => tf.add(tf.matMul(x, w), b);
  };
  const model = chain([stage(3, 16), stage(16, 32), stage(32, 64), (x) => tf.reshape(x, [batch, 1024]), linear(1024, 500), tf.relu, linear(500, 10)]); // prettier-ignore
  const optimizer = tf.train.momentum(0.01, 0.9);
  const x = tf.tidy(() => tf.transpose(tf.tensor(images, [batch, 3, 32, 32]), [0, 2, 3, 1]));
  const y = tf.oneHot(tf.tensor1d(labels, 'int32'), 10);
  const loss = () => tf.neg(tf.mean(tf.sum(tf.mul(y, tf.logSoftmax(model(x))), 1)));
  return async () => {
    const value = optimizer.minimize(loss, true);
    const values = await value.data();
    value.dispose();
    return values;
  };
}
