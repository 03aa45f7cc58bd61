/** One pass through most kernels, forward and backward: results to compare bit by bit. */
import { F, manualSeed, randint, randn, type Tensor, type TypedArray } from 'flambeau';

/** Inputs are drawn from seed 0; every result and gradient of a network with all kinds of layers is given, by name. */
export function networkBits(): Map<string, TypedArray> {
  manualSeed(0);
  const leaf = (...shape: number[]): Tensor => randn(shape, { requiresGrad: true }) as Tensor;
  const leaves = {
    x: leaf(16, 6, 40, 40),
    kernel: leaf(24, 6, 3, 3),
    bias: leaf(24),
    strided: leaf(32, 24, 3, 3),
    grouped: leaf(32, 8, 3, 3),
    scale: leaf(32),
    shift: leaf(32),
    weight: leaf(50, 800),
    square: leaf(50, 50),
  };
  const labels = randint(0, 50, [16]);
  const first = F.relu(F.conv2d(leaves.x, leaves.kernel, leaves.bias, { padding: 1 }));
  const pooled = F.maxPool2d(first, 2);
  const second = F.conv2d(pooled, leaves.strided, undefined, { stride: 2, padding: 1 });
  const third = F.conv2d(second, leaves.grouped, undefined, { padding: 1, groups: 4 });
  const normal = F.batchNorm(third, null, null, { weight: leaves.scale, bias: leaves.shift, training: true });
  const scores = F.linear(F.avgPool2d(normal, 2).flatten(1), leaves.weight).matmul(leaves.square).tanh();
  const loss = F.crossEntropy(scores, labels as Tensor).add(normal.pow(2).mean());
  loss.backward();
  const results = new Map<string, TypedArray>();
  const all = {
    first,
    pooled,
    second,
    third,
    normal,
    scores,
    loss,
    sums: first.sum([0, 2]),
    variance: normal.var([0]),
  };
  for (const [name, tensor] of Object.entries(all)) results.set(name, (tensor as Tensor).toTypedArray());
  for (const [name, tensor] of Object.entries(leaves)) results.set(`gradient of ${name}`, tensor.grad!.toTypedArray());
  return results;
}

/** Names of the results whose bits differ. */
export function differences(a: Map<string, TypedArray>, b: Map<string, TypedArray>): string[] {
  const bytes = (data: TypedArray): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return [...a.keys()].filter((name) => !bytes(a.get(name)!).equals(bytes(b.get(name)!)));
}
