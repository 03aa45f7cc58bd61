// jax-js's part of the page: a training step on its WebAssembly backend, compiled by `jit`. It has no models by name and reads no files of others.
import { defaultDevice, init, jit, lax, nn, numpy as np, random, valueAndGrad, tree } from '@jax-js/jax';

const PAD = [
  [1, 1],
  [1, 1],
];

function logits(params, x) {
  const { convolutions, dense } = params;
  for (const { w, b } of convolutions) {
    x = nn.relu(lax.convGeneralDilated(x, w, [1, 1], PAD).add(b));
    const [n, c, h, width] = x.shape;
    x = np.max(np.max(x.reshape([n, c, h / 2, 2, width / 2, 2]), 5), 3);
  }
  x = x.reshape([x.shape[0], 1024]);
  x = nn.relu(np.matmul(x, dense[0].w).add(dense[0].b));
  return np.matmul(x, dense[1].w).add(dense[1].b);
}

export async function openTraining({ images, labels, batch }) {
  await init('wasm');
  defaultDevice('wasm');
  const uniform = (seed, shape, fan) =>
    random
      .uniform(random.key(seed), shape)
      .mul(2)
      .sub(1)
      .mul(1 / Math.sqrt(fan));
  const convolution = (seed, from, to) => ({ w: uniform(seed, [to, from, 3, 3], 9 * from), b: np.zeros([1, to, 1, 1]) });
  const linear = (seed, from, to) => ({ w: uniform(seed, [from, to], from), b: np.zeros([to]) });
  let params = {
    convolutions: [convolution(1, 3, 16), convolution(2, 16, 32), convolution(3, 32, 64)],
    dense: [linear(4, 1024, 500), linear(5, 500, 10)],
  };
  let velocity = tree.map((p) => np.zeros(p.shape), tree.ref(params));
  const x = np.array(images, { shape: [batch, 3, 32, 32] });
  const hot = new Float32Array(batch * 10);
  labels.forEach((label, i) => (hot[10 * i + label] = 1));
  const y = np.array(hot, { shape: [batch, 10] });
  const loss = (params, x, y) =>
    nn
      .logSoftmax(logits(params, x))
      .mul(y)
      .sum()
      .mul(-1 / batch);
  const step = jit((params, velocity, x, y) => {
    const [value, gradients] = valueAndGrad(loss)(tree.ref(params), x, y);
    const next = tree.map((v, g) => v.mul(0.9).add(g), velocity, gradients);
    return [value, tree.map((p, v) => p.sub(v.mul(0.01)), params, tree.ref(next)), next];
  });
  return async () => {
    let value;
    [value, params, velocity] = step(params, velocity, x.ref, y.ref);
    return await value.data();
  };
}
