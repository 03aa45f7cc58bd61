/** Questions of the first, third and fourth chapter: arguments, sizes and parameters of layers. */
import { nn } from 'flambeau';
import { explain } from 'flambeau/inspect';
import type { LayerOf, LayerSpec, NetworkSpec } from '../spec.ts';
import { convParameters } from './live.ts';
import {
  choicePart,
  codeLines,
  numberPart,
  outputOf,
  parametersOf,
  pick,
  whole,
  workedLayers,
  type QuestionMaker,
  type Random,
} from './question.ts';

export const conv = (outChannels: number, kernelSize: number, more: Partial<LayerOf<'conv2d'>> = {}): LayerSpec => ({ kind: 'conv2d', outChannels, kernelSize, stride: 1, padding: 0, groups: 1, bias: true, ...more }); // prettier-ignore
export const maxPool = (kernelSize: number): LayerSpec => ({ kind: 'maxPool2d', kernelSize, stride: kernelSize, padding: 0 });
export const net = (name: string, channels: 1 | 3, size: number, layers: readonly LayerSpec[]): NetworkSpec => ({
  name,
  channels,
  size,
  layers,
});

const sides = (count: number): string => `${count} × ${count}`;
const colours = (channels: 1 | 3): string => (channels === 1 ? 'Grey' : 'Colour');
const ONE = 1 as const;

export const firstLayer: QuestionMaker = {
  id: 'first-layer',
  title: 'Write the layer',
  make(random) {
    const channels: 1 | 3 = random === undefined ? 1 : pick(random, [1, 3] as const);
    const kernel = random === undefined ? 2 : whole(random, 2, 5);
    const stride = random === undefined ? 2 : whole(random, 2, kernel);
    const filters = random === undefined ? 16 : pick(random, [8, 12, 16, 24, 32]);
    const size = random === undefined ? 200 : kernel + stride * whole(random, 20, 60);
    const network = net('One layer', channels, size, [conv(filters, kernel, { stride })]);
    return {
      prompt: `${colours(channels)} pictures of ${sides(size)} pixels come in. The layer shall have ${filters} filters of ${sides(kernel)}, which jump ${stride} pixels at a time and never leave the picture. Which numbers belong in \`nn.Conv2d(…)\`?`,
      code: [],
      parts: [
        numberPart('in_channels', channels),
        numberPart('out_channels', filters),
        numberPart('kernel_size', kernel),
        numberPart('stride', stride),
        numberPart('Height and width of what comes out', outputOf(network)[1]!),
      ],
      hint: '`in_channels` is how many numbers one pixel has: 1 for grey, 3 for red, green and blue. `out_channels` is how many filters there are. For the size count the places where the filter fits: (W − F + 2·P) / S + 1.',
      worked: () => workedLayers(network, false),
      network,
    };
  },
};

export const sameSize: QuestionMaker = {
  id: 'same-size',
  title: 'Keep the size',
  make(random) {
    const before = random === undefined ? 16 : pick(random, [6, 8, 16, 20]);
    const kernel = random === undefined ? 3 : pick(random, [3, 5, 7, 9]);
    const filters = random === undefined ? 32 : pick(random, [12, 24, 32, 48]);
    const size = random === undefined ? 100 : whole(random, 20, 90);
    const padding = (kernel - 1) / 2;
    const network = net('Same size', 1, size, [conv(before, 1), conv(filters, kernel, { padding })]);
    return {
      prompt: `A layer has given ${before} maps of ${sides(size)}. The next one shall have ${filters} filters of ${sides(kernel)}, move one pixel at a time, and keep the size ${sides(size)}.`,
      code: [`nn.Conv2d(?, ${filters}, ${kernel}, padding=?)`],
      parts: [numberPart('in_channels', before), numberPart('padding', padding)],
      hint: 'Every map is a channel for the next layer. With stride 1 the size stays if the zeros on both sides make up for what the kernel takes away: F − 1.',
      worked: () => workedLayers(network, false).slice(1),
      network: undefined,
    };
  },
};

/** 130 × 130 × 3 through two convolutions and two poolings, or others like it. */
function quizNetwork(random: Random | undefined): NetworkSpec {
  if (random === undefined) return net('Quiz', 3, 130, [conv(10, 3), maxPool(4), conv(20, 5, { padding: 2 }), maxPool(2)]);
  const kernel = pick(random, [3, 5]);
  const second = pick(random, [3, 5]);
  const [first, last] = [pick(random, [2, 4]), pick(random, [2, 3])];
  const size = kernel - 1 + first * last * whole(random, 6, 18);
  return net('Quiz', 3, size, [
    conv(pick(random, [6, 8, 10, 12]), kernel),
    maxPool(first),
    conv(pick(random, [16, 20, 24]), second, { padding: (second - 1) / 2 }),
    maxPool(last),
  ]);
}

export const quizShape: QuestionMaker = {
  id: 'quiz-shape',
  title: 'What comes out at the end?',
  make(random) {
    const network = quizNetwork(random);
    const [depth, side] = outputOf(network);
    return {
      prompt: `A colour picture of ${sides(network.size)} goes through these four layers.`,
      code: codeLines(network),
      parts: [
        numberPart('Depth (channels) of the output', depth!),
        numberPart('Height and width of the output', side!),
        numberPart('Numbers after flattening', outputOf({ ...network, layers: [...network.layers, { kind: 'flatten' }] })[0]!),
      ],
      hint: 'Go layer by layer and write down depth and side after each. A convolution sets the depth to its filters; pooling keeps the depth and divides the side.',
      worked: () => workedLayers({ ...network, layers: [...network.layers, { kind: 'flatten' }] }, false),
      network: { ...network, layers: [...network.layers, { kind: 'flatten' }, { kind: 'linear', outFeatures: 0, bias: true }] },
    };
  },
};

export const quizParameters: QuestionMaker = {
  id: 'quiz-parameters',
  title: 'How much is there to learn?',
  make(random) {
    const network = quizNetwork(random);
    const [first, , second] = parametersOf(network);
    return {
      prompt: 'How many parameters, weights and biases, has each convolution? And the poolings?',
      code: codeLines(network),
      parts: [numberPart('First convolution', first!), numberPart('Second convolution', second!), numberPart('Both poolings together', 0)],
      hint: 'K filters, each F × F × D numbers and one bias: K·F·F·D + K. D is the depth of what comes in. The size of the picture does not matter.',
      worked: () => workedLayers(network),
      network: undefined,
    };
  },
};

function twoStrides(kernel: number, size: number, filters: readonly [number, number]): NetworkSpec {
  const more = { stride: 2, padding: 1 };
  return net('myCNN', 3, size, [conv(filters[0], kernel, more), conv(filters[1], kernel, more), { kind: 'flatten' }]);
}

export const flatFeatures: QuestionMaker = {
  id: 'flat-features',
  title: 'The number that Linear must know',
  make(random) {
    const size = random === undefined ? 32 : pick(random, [28, 40, 48, 64]);
    const filters: readonly [number, number] = random === undefined ? [16, 32] : [pick(random, [8, 12]), pick(random, [16, 24])];
    const network = twoStrides(3, size, filters);
    return {
      prompt: `Colour pictures of ${sides(size)} go through two convolutions, each with a kernel of 3, stride 2, padding 1, and are flattened. How many inputs must the Linear layer have?`,
      code: codeLines(network),
      parts: [
        numberPart('Side after the second convolution', outputOf({ ...network, layers: network.layers.slice(0, 2) })[1]!),
        numberPart('in_features of Linear', outputOf(network)[0]!),
      ],
      hint: 'Stride 2 with padding 1 halves an even side when the kernel is 3. Flatten multiplies channels, height and width.',
      worked: () => workedLayers(network, false),
      network: { ...network, layers: [...network.layers, { kind: 'linear', outFeatures: 0, bias: true }] },
    };
  },
};

export const largerKernel: QuestionMaker = {
  id: 'larger-kernel',
  title: 'A larger kernel, and an error',
  make(random) {
    const kernel = random === undefined ? 5 : pick(random, [5, 7]);
    const size = random === undefined ? 32 : pick(random, [32, 40, 48]);
    const [before, after] = [twoStrides(3, size, [16, 32]), twoStrides(kernel, size, [16, 32])];
    const [was, now] = [outputOf(before)[0]!, outputOf(after)[0]!];
    return {
      prompt: `Both kernels become ${kernel}; stride 2 and padding 1 stay, and pictures are still ${sides(size)}. The Linear layer was made for ${was} inputs, so PyTorch complains. Which number repairs it?`,
      code: codeLines(after),
      parts: [
        numberPart('Side after the second convolution', outputOf({ ...after, layers: after.layers.slice(0, 2) })[1]!),
        numberPart('in_features of Linear', now),
      ],
      hint: 'Use ⌊(W − F + 2·P) / S⌋ + 1 twice. The brackets mean: round down.',
      worked: () => workedLayers(after, false),
      network: { ...after, layers: [...after.layers, { kind: 'linear', outFeatures: 0, bias: true }] },
    };
  },
};

export const allParameters: QuestionMaker = {
  id: 'all-parameters',
  title: 'Count the whole network',
  make(random) {
    const kernel = random === undefined ? 5 : pick(random, [3, 5, 7]);
    const filters: readonly [number, number] = random === undefined ? [16, 32] : [pick(random, [8, 12]), pick(random, [16, 24])];
    const base = twoStrides(kernel, 32, filters);
    const network = { ...base, layers: [...base.layers, { kind: 'linear', outFeatures: 10, bias: true } as const] };
    const bare = { ...base, layers: base.layers.map((layer) => (layer.kind === 'conv2d' ? { ...layer, bias: false } : layer)) };
    const [first, second] = parametersOf(bare);
    const all = parametersOf(network);
    return {
      prompt:
        'Count the parameters. First the weights of the convolutions without their biases, then Linear with its biases, then everything as PyTorch counts it.',
      code: codeLines(network),
      parts: [
        numberPart('Weights of the first convolution', first!),
        numberPart('Weights of the second convolution', second!),
        numberPart('Linear, with biases', all.at(-1)!),
        numberPart(
          'All parameters, all biases counted',
          all.reduce((a, b) => a + b, 0),
        ),
      ],
      hint: 'A convolution has K·F·F·D weights and K biases. Linear has inputs × outputs weights and one bias for each output.',
      worked: () => [
        `Without biases: ${convParameters(filters[0], kernel, 3, false).formula}, and ${convParameters(filters[1], kernel, filters[0], false).formula}.`,
        ...workedLayers(network),
        `All together: ${all.filter((count) => count > 0).join(' + ')} = ${all.reduce((a, b) => a + b, 0)}.`,
      ],
      network,
    };
  },
};

export const filterVolume: QuestionMaker = {
  id: 'filter-volume',
  title: 'A filter is a stack',
  make(random) {
    const kernel = random === undefined ? 5 : pick(random, [3, 7]);
    const depth = random === undefined ? 3 : pick(random, [4, 6, 16]);
    const maps = random === undefined ? 32 : pick(random, [8, 20, 64]);
    return {
      prompt: `What comes in has ${depth} channels. Filters are ${sides(kernel)}, and ${maps} maps shall come out.`,
      code: [],
      parts: [
        numberPart('Kernels stacked in one filter', depth),
        numberPart('Weights in one filter', convParameters(1, kernel, depth, false).count),
        numberPart('Filters in the layer', maps),
      ],
      hint: 'A filter looks at all channels at once, with a kernel for each. One filter makes one map.',
      worked: () => [
        `${depth} channels, so ${depth} kernels in a filter: ${convParameters(1, kernel, depth, false).formula}.`,
        `${maps} maps, so ${maps} filters. With their biases: ${convParameters(maps, kernel, depth).formula}.`,
      ],
      network: undefined,
    };
  },
};

export const channelsIn: QuestionMaker = {
  id: 'channels-in',
  title: 'What goes in must fit',
  make(random) {
    const first = random === undefined ? 16 : pick(random, [8, 12, 20, 24]);
    const second = random === undefined ? 32 : pick(random, [10, 30, 40]);
    const network = net('Two layers', 3, 32, [conv(first, 3, { padding: 1 }), conv(second, 3, { padding: 1 })]);
    return {
      prompt: 'CIFAR-10 has colour pictures. Which numbers are not free to choose?',
      code: [`first = nn.Conv2d(in_channels=?, out_channels=${first}, …)`, `second = nn.Conv2d(in_channels=?, out_channels=${second}, …)`],
      parts: [numberPart('in_channels of the first', 3), numberPart('in_channels of the second', first)],
      hint: 'The first layer takes the channels of the picture; every other takes what the layer before gives.',
      worked: () => workedLayers(network, false),
      network: undefined,
    };
  },
};

export const keepPadding: QuestionMaker = {
  id: 'keep-padding',
  title: 'The padding that keeps the size',
  make(random) {
    const kernels = random === undefined ? [3, 5] : [pick(random, [1, 7]), pick(random, [9, 11])];
    return {
      prompt: 'The stride is 1. With which padding does the picture keep its size?',
      code: [],
      parts: kernels.map((kernel) => numberPart(`Padding for a kernel of ${kernel}`, (kernel - 1) / 2)),
      hint: 'A kernel of F leaves F − 1 pixels less. Half of that on each side.',
      worked: () => kernels.flatMap((kernel) => workedLayers(net('', 1, 32, [conv(1, kernel, { padding: (kernel - 1) / 2 })]), false)),
      network: undefined,
    };
  },
};

/** The side of what one number of the output sees of the picture. */
function fieldOf(kernels: readonly number[]): number {
  const model = new nn.Sequential(...kernels.map((kernel) => new nn.Conv2d(ONE, ONE, kernel)));
  return explain(model, [1, 1, 40, 40]).steps.at(-1)!.receptiveField!.size[0];
}

export const context: QuestionMaker = {
  id: 'context',
  title: 'How far does it see?',
  make(random) {
    const kernel = random === undefined ? 5 : pick(random, [3, 7, 9]);
    const pair = random === undefined ? [3, 3] : [pick(random, [3, 5]), pick(random, [5, 7])];
    return {
      prompt: `A number of the output depends on some pixels of the picture. How many pixels does it see with a kernel of ${kernel}? And how wide is the patch when a layer with kernel ${pair[0]} is followed by one with kernel ${pair[1]}?`,
      code: [],
      parts: [
        numberPart(`Pixels seen with kernel ${kernel}`, fieldOf([kernel]) ** 2),
        numberPart(`Width of the patch with kernels ${pair.join(' and ')}`, fieldOf(pair)),
      ],
      hint: 'The second layer looks at neighbours of the first, each of which has looked at a patch of its own: the edges add up.',
      worked: () => [
        `One kernel of ${kernel}: a patch of ${sides(fieldOf([kernel]))}, so ${fieldOf([kernel]) ** 2} pixels.`,
        `Kernel ${pair[0]} sees ${pair[0]}; a kernel of ${pair[1]} behind it adds ${pair[1]! - 1}: ${fieldOf(pair)}.`,
      ],
      network: undefined,
    };
  },
};

export const thinner: QuestionMaker = {
  id: 'thinner',
  title: 'A thinner network',
  make(random) {
    const [a, b] = random === undefined ? [16, 32] : [pick(random, [8, 12, 24]), pick(random, [20, 40, 64])];
    const layers = (x: number, y: number): NetworkSpec => net('Thin', 3, 32, [conv(x, 3, { padding: 1 }), conv(y, 3, { padding: 1 })]);
    const sum = (network: NetworkSpec): number => parametersOf(network).reduce((x, y) => x + y, 0);
    const [wide, thin] = [layers(a, b), layers(a / 2, b / 2)];
    return {
      prompt: 'The memory is not enough, so both layers get half as many filters. How many parameters are there before and after?',
      code: codeLines(wide),
      parts: [
        numberPart('Before', sum(wide)),
        numberPart('With half of the filters', sum(thin)),
        choicePart('The second layer became', ['about half', 'about a quarter', 'about an eighth'], 1, random),
      ],
      hint: 'The second layer loses on both sides: half as many filters, and each of them half as deep.',
      worked: () => [
        ...workedLayers(wide),
        `Together: ${parametersOf(wide).join(' + ')} = ${sum(wide)}.`,
        'With half of the filters:',
        ...workedLayers(thin),
        `Together: ${parametersOf(thin).join(' + ')} = ${sum(thin)}.`,
      ],
      network: undefined,
    };
  },
};

export const strideHalves: QuestionMaker = {
  id: 'stride-halves',
  title: 'Every second pixel',
  make(random) {
    const size = random === undefined ? 32 : 2 * whole(random, 10, 60);
    const of = (stride: number): NetworkSpec => net('Stride', 3, size, [conv(16, 3, { stride, padding: 1 })]);
    return {
      prompt: `A picture of ${sides(size)}, a kernel of 3, padding 1. How high and wide is the output?`,
      code: [],
      parts: [1, 2].map((stride) => numberPart(`With stride ${stride}`, outputOf(of(stride))[1]!)),
      hint: 'With stride 2 the kernel stops at every second pixel only.',
      worked: () => [1, 2].flatMap((stride) => workedLayers(of(stride), false)),
      network: undefined,
    };
  },
};
