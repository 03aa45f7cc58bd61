/** Networks to begin with. */
import type { LayerSpec, NetworkSpec, TrainingSpec } from './spec.ts';

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

/** Two convolutions and a pooling. */
const vgg = (channels: number): LayerSpec[] => [conv(channels, 3, 1, 1, false), norm, relu, conv(channels, 3, 1, 1, false), norm, relu, pool]; // prettier-ignore
/** A filter for each map. */
const depthwise = (channels: number, stride = 1): LayerSpec => ({ kind: 'conv2d', outChannels: channels, kernelSize: 3, stride, padding: 1, groups: channels, bias: false }); // prettier-ignore
const pointwise = (channels: number): LayerSpec => conv(channels, 1, 0, 1, false);
const separable = (from: number, to: number, stride: number): LayerSpec[] => [
  depthwise(from, stride),
  norm,
  relu,
  pointwise(to),
  norm,
  relu,
];
/** MobileNetV2's: wider inside than outside, without a ReLU at its end. */
const inverted = (channels: number): LayerSpec => ({
  kind: 'residual',
  layers: [pointwise(channels * 3), norm, relu, depthwise(channels * 3), norm, relu, pointwise(channels), norm],
});

export interface Template {
  readonly title: string;
  readonly summary: string;
  readonly network: NetworkSpec;
  /** What it needs otherwise than usual. */
  readonly training?: Partial<TrainingSpec>;
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
      layers: [conv(6, 5, 0), relu, pool, conv(16, 5, 0), relu, pool, flatten, linear(120), relu, linear(84), relu, linear(0)],
    },
  },
  {
    title: "The tutorials' network",
    summary: 'Three convolutions with pooling, then two Linear layers with dropout before each.',
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
  {
    title: 'Small VGG',
    summary: 'Simonyan and Zisserman, 2014: small 3×3 filters in pairs, a pooling after each pair. With batch norm.',
    network: {
      name: 'Small VGG',
      channels: 3,
      size: 32,
      layers: [...vgg(16), ...vgg(32), ...vgg(64), flatten, linear(128), relu, dropout(0.5), linear(0)],
    },
  },
  {
    title: 'Small MobileNet',
    summary: 'Howard and others, 2017 and 2018: filters that look at one map each, and 1×1 filters that mix the maps: few multiply-adds.',
    network: {
      name: 'Small MobileNet',
      channels: 3,
      size: 32,
      layers: [
        conv(16, 3, 1, 1, false),
        norm,
        relu,
        ...separable(16, 32, 2),
        inverted(32),
        ...separable(32, 64, 2),
        inverted(64),
        ...separable(64, 128, 1),
        { kind: 'adaptiveAvgPool2d', outputSize: 1 },
        flatten,
        linear(0),
      ],
    },
  },
  {
    title: 'MobileNetV2 and a new head',
    summary:
      'For photos: the convolutions of a network that has seen millions of them, frozen, and one new Linear. A few pictures a class are enough, but it needs a file of weights.',
    network: {
      name: 'MobileNetV2 and a new head',
      channels: 3,
      size: 96,
      layers: [{ kind: 'mobileNetV2' }, { kind: 'adaptiveAvgPool2d', outputSize: 1 }, flatten, dropout(0.2), linear(0)],
    },
    training: { lr: 0.01 },
  },
  {
    title: 'Tutorial: two layers of filters',
    summary:
      'The first tutorials’ Sequential of convolution, pooling and ReLU, for grey pictures of 200 × 200; with the Linear that it leaves open.',
    network: {
      name: 'Two layers of filters',
      channels: 1,
      size: 200,
      layers: [conv(16, 2, 0, 2), pool, relu, conv(32), pool, relu, flatten, linear(0)],
    },
  },
  {
    title: 'Tutorial: the quiz',
    summary: 'The quiz on flattening, for colour pictures of 130 × 130: how many numbers come out of its last pooling?',
    network: {
      name: 'Quiz',
      channels: 3,
      size: 130,
      layers: [conv(10, 3, 0), { kind: 'maxPool2d', kernelSize: 4, stride: 4, padding: 0 }, conv(20, 5, 2), pool, flatten, linear(0)],
    },
    // Without ReLUs, large steps run away.
    training: { lr: 0.002 },
  },
  {
    title: 'Tutorial: myCNN',
    summary: 'Two convolutions with stride 2 instead of pooling, and one Linear: the third tutorial’s class.',
    network: {
      name: 'myCNN',
      channels: 3,
      size: 32,
      layers: [conv(16, 3, 1, 2), relu, conv(32, 3, 1, 2), relu, flatten, linear(0)],
    },
  },
];
