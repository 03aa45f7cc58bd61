/** Layers that are composed of other operations, exported to ONNX and read back: they give what they gave. */
import { manualSeed, nn, noGrad, randn, type Tensor } from 'flambeau';
import { deserializeOnnx, serializeOnnx } from 'flambeau/onnx';
import { expect, test } from 'vitest';

const SEQUENCES = [2, 4, 12];
const IMAGES = [2, 4, 8, 8];
const VOLUMES = [1, 4, 6, 6, 6];
const LAYERS: readonly [name: string, layer: nn.AnyLayer, shape: readonly number[]][] = [
  ['Conv1d', new nn.Conv1d(4, 6, 3, 2, 1), SEQUENCES],
  ['Conv2d, reflected', new nn.Conv2d(4, 6, 3, { padding: 1, paddingMode: 'reflect' }), IMAGES],
  ['Conv3d', new nn.Conv3d(4, 6, 3, 2, 1), VOLUMES],
  ['CircularPad1d', new nn.CircularPad1d(2), SEQUENCES],
  ['ReplicationPad3d', new nn.ReplicationPad3d(1), VOLUMES],
  ['MaxPool1d', new nn.MaxPool1d(2), SEQUENCES],
  ['MaxPool3d', new nn.MaxPool3d(2), VOLUMES],
  ['AvgPool3d', new nn.AvgPool3d(2), VOLUMES],
  ['LPPool2d', new nn.LPPool2d(2, 2), IMAGES],
  ['Unfold', new nn.Unfold(3), IMAGES],
  ['LocalResponseNorm', new nn.LocalResponseNorm(3), IMAGES],
  ['CrossMapLRN2d', new nn.CrossMapLRN2d(3) as nn.AnyLayer, IMAGES],
  ['RMSNorm', new nn.RMSNorm(8), IMAGES],
  ['PReLU', new nn.PReLU(4), IMAGES],
];

test.each(LAYERS)('%s', (_, layer, shape) => {
  manualSeed(0);
  const x = randn([...shape]) as Tensor;
  layer.eval();
  const y = noGrad(() => layer(x));
  const back = deserializeOnnx(serializeOnnx(layer, x));
  const z = noGrad(() => back(x));
  expect(z.shape).toEqual(y.shape);
  expect(z.sub(y).abs().max().item()).toBeLessThan(1e-4);
});
