/** Makes networks from the descriptions that the fixture generators use: test/fixtures/ops/layers.py. */
import { createHash } from 'node:crypto';
import { nn, type Tensor } from 'flambeau';

/** `['Conv2d', 3, 16, 3, { padding: 1 }]`, or a list of such: a Sequential. */
export type Spec = readonly [string, ...unknown[]] | readonly Spec[];

type Constructor = new (...args: never[]) => nn.AnyLayer;

const LAYERS: Readonly<Record<string, Constructor>> = {
  AdaptiveAvgPool2d: nn.AdaptiveAvgPool2d,
  AvgPool2d: nn.AvgPool2d,
  BatchNorm2d: nn.BatchNorm2d,
  Conv2d: nn.Conv2d,
  ConvTranspose2d: nn.ConvTranspose2d,
  Dropout: nn.Dropout,
  ELU: nn.ELU,
  Flatten: nn.Flatten,
  GELU: nn.GELU,
  Hardsigmoid: nn.Hardsigmoid,
  Hardswish: nn.Hardswish,
  Hardtanh: nn.Hardtanh,
  Linear: nn.Linear,
  MaxPool2d: nn.MaxPool2d,
  PixelShuffle: nn.PixelShuffle,
  PixelUnshuffle: nn.PixelUnshuffle,
  ReLU: nn.ReLU,
  ReLU6: nn.ReLU6,
  SiLU: nn.SiLU,
  Softplus: nn.Softplus,
  Upsample: nn.Upsample,
};

export function build(spec: Spec): nn.AnyLayer {
  if (typeof spec[0] !== 'string') return new nn.Sequential(...(spec as readonly Spec[]).map(build));
  const [name, ...args] = spec as readonly [string, ...unknown[]];
  return new LAYERS[name]!(...(args as never[]));
}

/** SHA-256 of all tensors' bytes, in order. */
export function digest(state: ReadonlyMap<string, Tensor>): string {
  const hash = createHash('sha256');
  for (const tensor of state.values()) {
    const data = tensor.toTypedArray();
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
