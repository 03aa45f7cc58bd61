/** Every kind of block: what it is called, its fields, the module it becomes, and how it is written in TypeScript and in PyTorch. */
import { nn } from 'flambeau';
import { MobileNetFeatures } from './mobilenet.ts';
import type { LayerKind, LayerOf, LayerSpec } from './spec.ts';

/** A number of a block that people choose. */
export interface NumberField {
  readonly type: 'number';
  readonly label: string;
  readonly min: number;
  readonly max: number;
  /** Whole numbers where it is 1. */
  readonly step: number;
  readonly help: string;
}
export interface SwitchField {
  readonly type: 'switch';
  readonly label: string;
  readonly help: string;
}
export type Field = NumberField | SwitchField;

/** The shape that comes in, without the batch; how many classes there are. */
export interface Place {
  readonly shape: readonly number[];
  readonly classes: number;
}

export interface LayerRule<L extends LayerSpec> {
  readonly title: string;
  /** What it does, in a sentence that a pupil understands. */
  readonly summary: string;
  /** A new one. */
  readonly initial: L;
  readonly fields: { readonly [K in Exclude<keyof L, 'kind' | 'layers'>]-?: Field };
  readonly make: (layer: L, place: Place) => nn.Module;
  /** Arguments as both languages write them: places first, then by name. */
  readonly code: (layer: L, place: Place) => LayerCode;
}

/** `nn.<className>(<args>, <named>)`. */
export interface LayerCode {
  readonly className: string;
  readonly args: readonly (number | boolean)[];
  /** camelCase names, without those that have PyTorch's default value. */
  readonly named: Readonly<Record<string, number | boolean>>;
}

const whole = (label: string, min: number, max: number, help: string): NumberField => ({ type: 'number', label, min, max, step: 1, help });
const real = (label: string, min: number, max: number, step: number, help: string): NumberField => ({
  type: 'number',
  label,
  min,
  max,
  step,
  help,
});
const toggle = (label: string, help: string): SwitchField => ({ type: 'switch', label, help });

/** Named arguments that are not what PyTorch takes by itself. */
function unlike(values: Readonly<Record<string, number | boolean>>, defaults: Readonly<Record<string, number | boolean>>) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => defaults[name] !== value));
}

const channelsOf = ({ shape }: Place): number => shape[0] ?? 1;
const featuresOf = ({ shape }: Place): number => shape.at(-1) ?? 1;
const outOf = (layer: LayerOf<'linear'>, place: Place): number => (layer.outFeatures === 0 ? place.classes : layer.outFeatures);

/** A rule for a layer without fields. */
function plain<K extends LayerKind>(
  kind: K,
  title: string,
  summary: string,
  className: string,
  make: () => nn.Module,
): LayerRule<LayerOf<K>> {
  return {
    title,
    summary,
    initial: { kind } as unknown as LayerOf<K>,
    fields: {} as LayerRule<LayerOf<K>>['fields'],
    make,
    code: () => ({ className, args: [], named: {} }),
  };
}

const WINDOW = whole('Window', 1, 16, 'Height and width of the window.');
const STRIDE = whole('Stride', 1, 16, 'How many pixels the window moves at a time.');
const PADDING = whole('Padding', 0, 8, 'Pixels of border around the input.');

function pool<K extends 'maxPool2d' | 'avgPool2d'>(
  kind: K,
  title: string,
  summary: string,
  className: string,
  make: (layer: LayerOf<K>) => nn.Module,
): LayerRule<LayerOf<K>> {
  return {
    title,
    summary,
    initial: { kind, kernelSize: 2, stride: 2, padding: 0 } as unknown as LayerOf<K>,
    fields: { kernelSize: WINDOW, stride: STRIDE, padding: PADDING } as LayerRule<LayerOf<K>>['fields'],
    make,
    code: (layer) => {
      const { kernelSize, stride, padding } = layer as LayerOf<'maxPool2d' | 'avgPool2d'>;
      return { className, args: [kernelSize], named: unlike({ stride, padding }, { stride: kernelSize, padding: 0 }) };
    },
  };
}

/** Total: a kind without a rule does not compile. */
export const LAYERS: { readonly [K in LayerKind]: LayerRule<LayerOf<K>> } = {
  conv2d: {
    title: 'Convolution',
    summary: 'Slides small filters over the picture; each filter makes one map of where its pattern is.',
    initial: { kind: 'conv2d', outChannels: 16, kernelSize: 3, stride: 1, padding: 1, groups: 1, bias: true },
    fields: {
      outChannels: whole('Filters', 1, 512, 'How many patterns are looked for: the channels of the output.'),
      kernelSize: whole('Kernel', 1, 11, 'Height and width of a filter.'),
      stride: whole('Stride', 1, 8, 'How many pixels the filter moves at a time.'),
      padding: whole('Padding', 0, 8, 'Pixels of zeros around the input.'),
      groups: whole('Groups', 1, 512, 'Into how many parts the channels are split; as many as channels makes it depthwise.'),
      bias: toggle('Bias', 'Adds one learned number to each map.'),
    },
    make: (layer, place) => {
      const { outChannels, kernelSize, stride, padding, groups, bias } = layer;
      return new nn.Conv2d(channelsOf(place), outChannels, kernelSize, { stride, padding, groups, bias });
    },
    code: ({ outChannels, kernelSize, stride, padding, groups, bias }, place) => ({
      className: 'Conv2d',
      args: [channelsOf(place), outChannels, kernelSize],
      named: unlike({ stride, padding, groups, bias }, { stride: 1, padding: 0, groups: 1, bias: true }),
    }),
  },
  batchNorm2d: {
    ...plain(
      'batchNorm2d',
      'Batch norm',
      'Brings each map to mean 0 and spread 1 over the batch, then scales it as learned.',
      'BatchNorm2d',
      () => new nn.BatchNorm2d(1),
    ),
    make: (_, place) => new nn.BatchNorm2d(channelsOf(place)),
    code: (_, place) => ({ className: 'BatchNorm2d', args: [channelsOf(place)], named: {} }),
  },
  relu: plain('relu', 'ReLU', 'Negative numbers become 0, the others stay.', 'ReLU', () => new nn.ReLU()),
  leakyRelu: {
    title: 'Leaky ReLU',
    summary: 'Negative numbers become small instead of 0, so that no unit dies.',
    initial: { kind: 'leakyRelu', negativeSlope: 0.01 },
    fields: { negativeSlope: real('Slope', 0, 1, 0.01, 'What negative numbers are multiplied by.') },
    make: ({ negativeSlope }) => new nn.LeakyReLU(negativeSlope),
    code: ({ negativeSlope }) => ({ className: 'LeakyReLU', args: [negativeSlope], named: {} }),
  },
  gelu: plain('gelu', 'GELU', 'A smooth ReLU: x times the chance that a normal number is below x.', 'GELU', () => new nn.GELU()),
  silu: plain('silu', 'SiLU', 'A smooth ReLU: x times sigmoid(x).', 'SiLU', () => new nn.SiLU()),
  sigmoid: plain('sigmoid', 'Sigmoid', 'Squeezes every number between 0 and 1.', 'Sigmoid', () => new nn.Sigmoid()),
  tanh: plain('tanh', 'Tanh', 'Squeezes every number between -1 and 1.', 'Tanh', () => new nn.Tanh()),
  maxPool2d: pool(
    'maxPool2d',
    'Max pooling',
    'Keeps the largest number of each window: smaller maps, and small shifts matter less.',
    'MaxPool2d',
    (layer) => new nn.MaxPool2d(layer.kernelSize, { stride: layer.stride, padding: layer.padding }),
  ),
  avgPool2d: pool(
    'avgPool2d',
    'Average pooling',
    'Keeps the mean of each window.',
    'AvgPool2d',
    (layer) => new nn.AvgPool2d(layer.kernelSize, { stride: layer.stride, padding: layer.padding }),
  ),
  adaptiveAvgPool2d: {
    title: 'Global average',
    summary: 'Averages each map down to this size, whatever size it had.',
    initial: { kind: 'adaptiveAvgPool2d', outputSize: 1 },
    fields: { outputSize: whole('Size', 1, 32, 'Height and width of the output.') },
    make: ({ outputSize }) => new nn.AdaptiveAvgPool2d(outputSize),
    code: ({ outputSize }) => ({ className: 'AdaptiveAvgPool2d', args: [outputSize], named: {} }),
  },
  dropout: {
    title: 'Dropout',
    summary: 'While training, sets some numbers to 0 at random, so that no unit relies on another.',
    initial: { kind: 'dropout', p: 0.5 },
    fields: { p: real('Chance', 0, 1, 0.05, 'How likely a number is set to 0.') },
    make: ({ p }) => new nn.Dropout(p),
    code: ({ p }) => ({ className: 'Dropout', args: [p], named: {} }),
  },
  flatten: plain('flatten', 'Flatten', 'Writes all maps one after another as one list of numbers.', 'Flatten', () => new nn.Flatten()),
  linear: {
    title: 'Linear',
    summary: 'Each output is a weighted sum of all inputs.',
    initial: { kind: 'linear', outFeatures: 0, bias: true },
    fields: {
      outFeatures: whole('Outputs', 0, 4096, 'How many numbers come out; 0 stands for one for each class.'),
      bias: toggle('Bias', 'Adds one learned number to each output.'),
    },
    make: (layer, place) => new nn.Linear(featuresOf(place), outOf(layer, place), layer.bias),
    code: (layer, place) => ({
      className: 'Linear',
      args: [featuresOf(place), outOf(layer, place)],
      named: unlike({ bias: layer.bias }, { bias: true }),
    }),
  },
  mobileNetV2: {
    ...plain(
      'mobileNetV2',
      'MobileNetV2, frozen',
      'The 52 convolutions of MobileNetV2 (Sandler and others, 2018), not trained here: open a file of weights that were trained on photos.',
      'MobileNetFeatures',
      () => new nn.Identity(),
    ),
    make: () => new MobileNetFeatures(),
  },
  residual: {
    title: 'Residual block',
    summary: 'Adds its input to what its blocks make of it, so that gradients find a short way back.',
    initial: {
      kind: 'residual',
      layers: [
        { kind: 'conv2d', outChannels: 16, kernelSize: 3, stride: 1, padding: 1, groups: 1, bias: false },
        { kind: 'batchNorm2d' },
        { kind: 'relu' },
        { kind: 'conv2d', outChannels: 16, kernelSize: 3, stride: 1, padding: 1, groups: 1, bias: false },
        { kind: 'batchNorm2d' },
      ],
    },
    fields: {},
    // Made in build.ts, which knows the shapes inside.
    make: () => new nn.Identity(),
    code: () => ({ className: 'Residual', args: [], named: {} }),
  },
};

/** The rule of a layer, for any kind. */
export const ruleOf = (layer: LayerSpec): LayerRule<LayerSpec> => LAYERS[layer.kind] as unknown as LayerRule<LayerSpec>;
