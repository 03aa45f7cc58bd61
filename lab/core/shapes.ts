/**
 * What each block of a network makes of what comes in: shapes and counts of parameters, by rules, so that it can be asked at every keystroke. Where a
 * block does not fit, the library itself is asked, and the sentence is its own.
 */
import { getRngState, noGrad, setRngState, zeros, type Tensor } from 'flambeau';
import { MOBILENET_CHANNELS, MOBILENET_PARAMETERS, mobileNetSide } from './mobilenet.ts';
import { moduleOf, shortcutOf } from './modules.ts';
import type { LayerOf, LayerSpec, NetworkSpec } from './spec.ts';
import { messageOf } from './failure.ts';

/** What is known of a block in its place. */
export interface BlockShape {
  /** Without the batch; undefined where an earlier block failed. */
  readonly input: readonly number[] | undefined;
  readonly output: readonly number[] | undefined;
  /** The library's own sentence. */
  readonly error: string | undefined;
  readonly parameters: number;
  /** The blocks within, of a residual block. */
  readonly inner: readonly BlockShape[];
}

export interface Checked {
  readonly blocks: readonly BlockShape[];
  /** What the last block gives; undefined where one failed. */
  readonly output: readonly number[] | undefined;
  /** The first error: of a block, or that the end does not fit the classes. */
  readonly error: string | undefined;
  readonly parameters: number;
}

/** What makes more numbers than this is refused before it takes the machine's memory. */
const LARGEST = 50_000_000;
const MOST_PARAMETERS = 50_000_000;

type Shape = readonly number[];

/** The blocks of a network with their shapes, and what does not fit, if anything. Nothing is computed unless a block does not fit. */
export function check(network: NetworkSpec, classes: number): Checked {
  const start = [network.channels, network.size, network.size];
  const { blocks, output, error } = chain(network.layers, start, classes);
  const parameters = blocks.reduce((sum, block) => sum + block.parameters, 0);
  const many = parameters > MOST_PARAMETERS ? tooMany('the network', parameters) : undefined;
  return { blocks, output, error: error ?? many ?? endError(output, classes), parameters };
}

function endError(output: Shape | undefined, classes: number): string | undefined {
  if (output === undefined || (output.length === 1 && output[0] === classes)) return undefined;
  return `the network ends with ${output.join(' × ')} numbers, but there are ${classes} classes: end it with Flatten and Linear (0 outputs)`;
}

interface Chain {
  readonly blocks: readonly BlockShape[];
  readonly output: Shape | undefined;
  readonly error: string | undefined;
}

function chain(layers: readonly LayerSpec[], start: Shape, classes: number): Chain {
  const blocks: BlockShape[] = [];
  let shape: Shape | undefined = start;
  let error: string | undefined;
  for (const layer of layers) {
    const block: BlockShape = shape === undefined ? UNKNOWN : blockAfter(layer, shape, classes);
    blocks.push(block);
    error ??= block.error;
    shape = block.output;
  }
  return { blocks, output: shape, error };
}

const UNKNOWN: BlockShape = { input: undefined, output: undefined, error: undefined, parameters: 0, inner: [] };

function blockAfter(layer: LayerSpec, input: Shape, classes: number): BlockShape {
  const within = layer.kind === 'residual' ? chain(layer.layers, input, classes) : undefined;
  const inner = within?.blocks ?? [];
  const refused = (error: string): BlockShape => ({ input, output: undefined, error, parameters: 0, inner });
  if (within?.error !== undefined) return refused(within.error);
  const parameters = parametersOf(layer, input, classes, within);
  if (parameters > MOST_PARAMETERS) return refused(tooMany('this block', parameters));
  const ruled = within === undefined ? outputOf(layer, input, classes) : sumOf(input, within.output ?? input);
  const output = ruled ?? tried(layer, input, classes, inner);
  if (typeof output === 'string') return refused(output);
  const numbers = count(output);
  if (numbers > LARGEST) return refused(`this block makes ${numbers} numbers for each picture, more than ${LARGEST}`);
  return { input, output, error: undefined, parameters, inner };
}

const count = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
const tooMany = (what: string, parameters: number): string =>
  `${what} has ${parameters.toLocaleString('en')} parameters, more than ${MOST_PARAMETERS.toLocaleString('en')}: use fewer filters or outputs, or pool before it`;

/** The shape that a block gives; undefined where it does not fit, or that is not sure. */
function outputOf(layer: LayerSpec, input: Shape, classes: number): Shape | undefined {
  const [channels = 1, height = 1, width = 1] = input;
  const isMap = input.length === 3;
  switch (layer.kind) {
    case 'conv2d': {
      const { outChannels, groups } = layer;
      if (!isMap || channels % groups !== 0 || outChannels % groups !== 0) return undefined;
      return windowed(layer, outChannels, height, width);
    }
    case 'maxPool2d':
    case 'avgPool2d':
      return isMap && 2 * layer.padding <= layer.kernelSize ? windowed(layer, channels, height, width) : undefined;
    case 'adaptiveAvgPool2d':
      return isMap ? [channels, layer.outputSize, layer.outputSize] : undefined;
    case 'batchNorm2d':
      return isMap ? input : undefined;
    case 'flatten':
      return [count(input)];
    case 'linear':
      return [...input.slice(0, -1), outputsOf(layer, classes)];
    case 'relu':
    case 'leakyRelu':
    case 'gelu':
    case 'silu':
    case 'sigmoid':
    case 'tanh':
    case 'dropout':
      return input;
    case 'mobileNetV2':
      return isMap && channels === 3 ? [MOBILENET_CHANNELS, mobileNetSide(height), mobileNetSide(width)] : undefined;
    case 'residual':
      return undefined; // its blocks are asked for
  }
}

interface Window {
  readonly kernelSize: number;
  readonly stride: number;
  readonly padding: number;
}

/** ⌊(size + 2·padding − kernel) / stride⌋ + 1 on both sides. */
function windowed({ kernelSize, stride, padding }: Window, channels: number, height: number, width: number) {
  const side = (size: number): number => Math.floor((size + 2 * padding - kernelSize) / stride) + 1;
  return side(height) > 0 && side(width) > 0 ? [channels, side(height), side(width)] : undefined;
}

/** A residual block's branch and shortcut together; undefined where it is not sure that they fit. */
function sumOf(input: Shape, branch: Shape): Shape | undefined {
  const way = shortcutOf(input, branch);
  if (way === undefined) return branch;
  const kept = outputOf(way, input, 1);
  return kept?.join() === branch.join() ? branch : undefined;
}

const outputsOf = (layer: LayerOf<'linear'>, classes: number): number => (layer.outFeatures === 0 ? classes : layer.outFeatures);

function parametersOf(layer: LayerSpec, input: Shape, classes: number, within: Chain | undefined): number {
  const [channels = 1] = input;
  switch (layer.kind) {
    case 'conv2d':
      return layer.outChannels * ((channels / layer.groups) * layer.kernelSize ** 2 + Number(layer.bias));
    case 'linear':
      return outputsOf(layer, classes) * ((input.at(-1) ?? 1) + Number(layer.bias));
    case 'batchNorm2d':
      return 2 * channels;
    case 'mobileNetV2':
      return MOBILENET_PARAMETERS;
    case 'residual': {
      const way = shortcutOf(input, within?.output ?? input);
      const extra = way === undefined ? 0 : parametersOf(way, input, 1, undefined);
      return (within?.blocks ?? []).reduce((sum, block) => sum + block.parameters, extra);
    }
    default:
      return 0;
  }
}

/** What the library said of blocks lately; its sentences depend on nothing else. */
const told = new Map<string, Shape | string>();

/** The shape as the library gives it, or its sentence. */
function tried(layer: LayerSpec, input: Shape, classes: number, inner: readonly BlockShape[]): Shape | string {
  const key = JSON.stringify([layer, input, classes]);
  const known = told.get(key);
  if (known !== undefined) return known;
  const said = run(layer, input, classes, inner);
  if (told.size >= 200) told.clear();
  told.set(key, said);
  return said;
}

function run(layer: LayerSpec, input: Shape, classes: number, inner: readonly BlockShape[]): Shape | string {
  const random = getRngState();
  try {
    const module = moduleOf(layer, { shape: input, classes }, inner);
    module.eval();
    const output = noGrad(() => module(zeros([1, ...input]))) as Tensor;
    return (output.shape as Shape).slice(1);
  } catch (error) {
    return messageOf(error);
  } finally {
    setRngState(random);
  }
}
