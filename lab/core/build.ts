/** From blocks to a network: modules in order, the shape after each, and the sentence of the error where a block does not fit. */
import { manualSeed, nn, noGrad, zeros, type Tensor } from 'flambeau';
import { ruleOf, type Place } from './layers.ts';
import type { LayerSpec, NetworkSpec } from './spec.ts';

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

/** The input plus what the branch makes of it. */
export class Residual extends nn.Module {
  readonly branch: nn.Sequential;
  readonly shortcut: nn.Module;

  constructor(branch: nn.Sequential, shortcut: nn.Module) {
    super();
    this.branch = branch;
    this.shortcut = shortcut;
  }

  forward(x: Tensor): Tensor {
    const made: Tensor = this.branch(x);
    const kept: Tensor = this.shortcut(x);
    return made.add(kept);
  }
}

export interface Built {
  readonly network: nn.Sequential;
  readonly blocks: readonly BlockShape[];
  /** The first error; the network then has the blocks before it only. */
  readonly error: string | undefined;
}

interface Chain {
  readonly modules: nn.Module[];
  readonly blocks: BlockShape[];
  readonly shape: readonly number[] | undefined;
  readonly error: string | undefined;
}

/** What makes more numbers than this is refused before it takes the machine's memory. */
const LARGEST = 50_000_000;

function chain(layers: readonly LayerSpec[], place: Place): Chain {
  const modules: nn.Module[] = [];
  const blocks: BlockShape[] = [];
  let shape: readonly number[] | undefined = place.shape;
  let error: string | undefined;
  for (const layer of layers) {
    if (shape === undefined) {
      blocks.push({ input: undefined, output: undefined, error: undefined, parameters: 0, inner: [] });
      continue;
    }
    const input: readonly number[] = shape;
    const made = makeBlock(layer, { shape: input, classes: place.classes });
    blocks.push(made.block);
    if (made.module !== undefined) modules.push(made.module);
    error ??= made.block.error;
    shape = made.block.output;
  }
  return { modules, blocks, shape, error };
}

function makeBlock(layer: LayerSpec, place: Place): { module: nn.Module | undefined; block: BlockShape } {
  let inner: readonly BlockShape[] = [];
  try {
    let module: nn.Module;
    if (layer.kind === 'residual') {
      const within = chain(layer.layers, place);
      inner = within.blocks;
      if (within.shape === undefined) throw new Error(within.error);
      module = new Residual(new nn.Sequential(...within.modules), shortcut(place.shape, within.shape));
    } else {
      module = ruleOf(layer).make(layer, place);
    }
    const output = shapeAfter(module, place.shape);
    const parameters = [...module.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0);
    return { module, block: { input: place.shape, output, error: undefined, parameters, inner } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      module: undefined,
      block: { input: place.shape, output: undefined, error: message, parameters: 0, inner },
    };
  }
}

/** What brings the input to the shape of the branch: nothing, or a 1×1 convolution. */
function shortcut(input: readonly number[], output: readonly number[]): nn.Module {
  if (input.join() === output.join()) return new nn.Identity();
  const stride = Math.max(1, Math.round((input[1] ?? 1) / (output[1] ?? 1)));
  return new nn.Conv2d(input[0] ?? 1, output[0] ?? 1, 1, { stride, bias: false });
}

/** By running it: so the sentence of an error is that of the library. */
function shapeAfter(module: nn.Module, input: readonly number[]): readonly number[] {
  const training = module.training;
  module.eval();
  try {
    const output = noGrad(() => module(zeros([1, ...input]))) as Tensor;
    const shape = (output.shape as readonly number[]).slice(1);
    const numbers = shape.reduce((product, size) => product * size, 1);
    if (numbers > LARGEST)
      throw new Error(`this block makes ${numbers} numbers for each picture, more than ${LARGEST}`);
    return shape;
  } finally {
    module.train(training);
  }
}

/**
 * Makes the network with the initial weights of a seed: the same as PyTorch draws for the same layers after `torch.manual_seed(seed)`.
 */
export function build(network: NetworkSpec, classes: number, seed: number): Built {
  manualSeed(seed);
  const { modules, blocks, error, shape } = chain(network.layers, {
    shape: [network.channels, network.size, network.size],
    classes,
  });
  const built = new nn.Sequential(...modules);
  const scores = shape?.length === 1 && shape[0] === classes;
  const end =
    scores || shape === undefined
      ? undefined
      : `the network ends with ${shape.join(' × ')} numbers, but there are ${classes} classes: end it with Flatten and Linear (0 outputs)`;
  return { network: built, blocks, error: error ?? end };
}
