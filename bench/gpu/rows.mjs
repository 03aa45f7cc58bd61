/**
 * The rows of `bench/gpu.mjs`: names, sizes, floating-point operations. The same list is read by what runs them here (`runs.mjs`) and handed to the peer
 * (`peer.py`), so both do the same.
 *
 * Training is forward, cross-entropy, backward and SGD with momentum 0.9; inference is forward in eval mode without gradients.
 */
import { FORWARD } from '../flops.mjs';

const SIDE = { w1: 32, w2: 32, w3: 32 };

const network = (net, kind, batch, side = SIDE[net] ?? 224) => ({
  name: `${net}-${kind}-${batch}${side === (SIDE[net] ?? 224) ? '' : `-${side}px`}`,
  kind,
  net,
  batch,
  side,
  flops: FORWARD[net] * batch * (side / (SIDE[net] ?? 224)) ** 2 * (kind === 'train' ? 3 : 1),
});

const product = (size) => ({ name: `gemm-${size}`, kind: 'gemm', size, flops: 2 * size ** 3 });

/** One 3×3 layer of `channels` on a square of `side`; its parts. */
const layer = (part, batch, channels, side) => ({
  name: `w4-conv-${part}`,
  kind: 'conv',
  part,
  batch,
  channels,
  side,
  flops: 2 * batch * (channels * side) ** 2 * 9 * (part === 'fwd-bwd' ? 3 : 1),
});

/** Overheads: the W5 loop, and one number that is computed and read at once. */
const OVERHEAD = [
  { name: 'w5', kind: 'loop', flops: 0 },
  { name: 'read-1', kind: 'read', flops: 0 },
];

const parts = (batch, channels, side) => ['fwd', 'bwd-input', 'bwd-weight', 'fwd-bwd'].map((part) => layer(part, batch, channels, side));

/** All rows, the most wanted first: those at the end are the first to be skipped when time is up. */
export const ROWS = [
  ...[1024, 2048, 4096].map(product),
  ...['w1', 'w2'].flatMap((net) => [
    network(net, 'train', 20),
    network(net, 'train', 128),
    network(net, 'infer', 20),
    network(net, 'infer', 128),
  ]),
  network('w3', 'train', 32),
  network('w3', 'infer', 1),
  network('w3', 'infer', 32),
  ...parts(32, 64, 56),
  ...OVERHEAD,
  ...['resnet18', 'resnet50'].flatMap((net) => [8, 32].flatMap((n) => [network(net, 'train', n), network(net, 'infer', n)])),
  network('mobilenet_v2', 'infer', 8),
  network('mobilenet_v2', 'infer', 32),
];

/** For adapters that compute on the processor: the same code on next to nothing. */
export const TINY = [
  product(48),
  network('w1', 'train', 2),
  network('w2', 'infer', 1),
  ...parts(1, 4, 6),
  ...OVERHEAD,
  network('mobilenet_v2', 'infer', 1, 32),
];
