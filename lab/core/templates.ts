/** Networks to begin with. */
import type { LayerSpec, NetworkSpec } from './spec.ts';

const conv = (outChannels: number, kernelSize = 3, padding = 1, stride = 1, bias = true): LayerSpec => ({ kind: 'conv2d', outChannels, kernelSize, stride, padding, groups: 1, bias }); // prettier-ignore
const relu: LayerSpec = { kind: 'relu' };
const pool: LayerSpec = { kind: 'maxPool2d', kernelSize: 2, stride: 2, padding: 0 };
const flatten: LayerSpec = { kind: 'flatten' };
const linear = (outFeatures: number): LayerSpec => ({ kind: 'linear', outFeatures, bias: true });
const dropout = (p: number): LayerSpec => ({ kind: 'dropout', p });
const norm: LayerSpec = { kind: 'batchNorm2d' };
const residual = (channels: number, stride = 1): LayerSpec => ({
  kind: 'residual',
  layers: [conv(channels, 3, 1, stride, false), norm, relu, conv(channels, 3, 1, 1, false), norm],
});

export interface Template {
  readonly title: string;
  readonly summary: string;
  readonly network: NetworkSpec;
}

export const TEMPLATES: readonly Template[] = [
  {
    title: 'First network',
    summary: 'Two convolutions and one linear layer: trains in seconds.',
    network: {
      name: 'First network',
      channels: 3,
      size: 32,
      layers: [conv(8), relu, pool, conv(16), relu, pool, flatten, linear(0)],
    },
  },
  {
    title: 'LeNet-5',
    summary: 'LeCun, Bottou, Bengio and Haffner, 1998: read the digits on cheques.',
    network: {
      name: 'LeNet-5',
      channels: 1,
      size: 32,
      layers: [
        conv(6, 5, 0),
        relu,
        pool,
        conv(16, 5, 0),
        relu,
        pool,
        flatten,
        linear(120),
        relu,
        linear(84),
        relu,
        linear(0),
      ],
    },
  },
  {
    title: "The tutorials' network",
    summary: 'Three convolutions with pooling, 64 pixels on a side, dropout before the end.',
    network: {
      name: 'Tutorial',
      channels: 3,
      size: 32,
      layers: [
        conv(16),
        relu,
        pool,
        conv(32),
        relu,
        pool,
        conv(64),
        relu,
        pool,
        flatten,
        dropout(0.25),
        linear(500),
        relu,
        dropout(0.25),
        linear(0),
      ],
    },
  },
  {
    title: 'Small ResNet',
    summary: 'Residual blocks with batch norm, and a global average instead of large linear layers.',
    network: {
      name: 'Small ResNet',
      channels: 3,
      size: 32,
      layers: [
        conv(16, 3, 1, 1, false),
        norm,
        relu,
        residual(16),
        relu,
        residual(32, 2),
        relu,
        residual(64, 2),
        relu,
        { kind: 'adaptiveAvgPool2d', outputSize: 1 },
        flatten,
        linear(0),
      ],
    },
  },
];
