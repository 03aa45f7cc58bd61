/** Questions of the fifth chapter: shapes of batches and parameters, sums of products by hand, padding and stride. */
import { nn } from 'flambeau';
import { batchShape, correlate, EDGE, STRIPES, type Grid } from './live.ts';
import { choicePart, numberPart, pick, whole, type QuestionMaker, type Random } from './question.ts';

export const batchOfPictures: QuestionMaker = {
  id: 'batch-of-pictures',
  title: 'N, C, H, W',
  make(random) {
    const batch = random === undefined ? 32 : pick(random, [8, 16, 64]);
    const size = random === undefined ? 128 : whole(random, 30, 100);
    const filters = random === undefined ? 7 : pick(random, [4, 9, 12]);
    const kernel = random === undefined ? 5 : pick(random, [3, 7]);
    const shape = batchShape(new nn.Conv2d(3, filters, kernel), [1, 3, size, size]);
    const padded = batchShape(new nn.Conv2d(3, filters, kernel, { padding: (kernel - 1) / 2 }), [1, 3, size, size]);
    return {
      prompt: `A batch of the shape [${batch}, 3, ${size}, ${size}] goes into this layer. Which shape comes out?`,
      code: [`nn.Conv2d(3, ${filters}, ${kernel})`],
      parts: [
        numberPart('N, pictures', batch),
        numberPart('C, channels', shape[1]!),
        numberPart('H and W', shape[2]!),
        numberPart(`H and W with padding=${(kernel - 1) / 2}`, padded[2]!),
      ],
      hint: 'Pictures stay pictures: N does not change. C becomes the number of filters.',
      worked: () => [
        `N stays ${batch}. C is ${filters}, one map for each filter.`,
        `H: ${size} − ${kernel} + 1 = ${shape[2]!}. With ${(kernel - 1) / 2} zeros on each side: ${size} − ${kernel} + 2·${(kernel - 1) / 2} + 1 = ${padded[2]!}.`,
      ],
      network: undefined,
    };
  },
};

const shapeOf = (parameter: { readonly shape: readonly number[] }): readonly number[] => parameter.shape;

export const parameterShapes: QuestionMaker = {
  id: 'parameter-shapes',
  title: 'The shape of the weights',
  make(random) {
    const [depth, filters, kernel] =
      random === undefined ? [3, 7, 5] : [pick(random, [1, 4, 6]), pick(random, [5, 9]), pick(random, [2, 3])];
    const layer = new nn.Conv2d(depth, filters, kernel);
    const weight = shapeOf(layer.weight);
    const bias = shapeOf(layer.bias as { readonly shape: readonly number[] });
    return {
      prompt: 'The parameters of a layer are tensors. Which shapes have they?',
      code: [`layer = nn.Conv2d(${depth}, ${filters}, ${kernel})`, 'layer.weight.shape  # [A, B, C, D]', 'layer.bias.shape    # [E]'],
      parts: [...weight, ...bias].map((size, i) => numberPart('ABCDE'[i]!, size)),
      hint: 'First the filters, then how deep each is, then its height and width. There is a bias for each filter.',
      worked: () => [
        `The weights are [${weight.join(', ')}]: ${filters} filters of ${depth} kernels of ${kernel} × ${kernel}. The biases are [${bias.join(', ')}].`,
      ],
      network: undefined,
    };
  },
};

export const linearParameters: QuestionMaker = {
  id: 'linear-parameters',
  title: 'A fully connected layer',
  make(random) {
    const [inputs, outputs] = random === undefined ? [100, 30] : [10 * whole(random, 2, 40), whole(random, 2, 40)];
    const layer = new nn.Linear(inputs, outputs);
    const counts = layer.parameters().map((parameter) => parameter.numel());
    const total = counts.reduce((a, b) => a + b, 0);
    return {
      prompt: `How many parameters has \`nn.Linear(${inputs}, ${outputs})\`? And \`nn.MaxPool2d(2, 2)\`?`,
      code: [],
      parts: [numberPart('Linear', total), numberPart('MaxPool2d', new nn.MaxPool2d(2).parameters().length)],
      hint: 'Every output has a weight for each input, and one bias. Pooling only compares.',
      worked: () => [
        `${outputs} × ${inputs} weights + ${outputs} biases = ${counts.join(' + ')} = ${total}`,
        'Pooling learns nothing: it has no parameters.',
      ],
      network: undefined,
    };
  },
};

const COUNTING: Grid = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7, 8],
];
const SMALL: Grid = [
  [0, 1],
  [2, 3],
];
const small = (random: Random, side: number, from: number, to: number): Grid =>
  Array.from({ length: side }, () => Array.from({ length: side }, () => whole(random, from, to)));
const shown = (grid: Grid): string[] => grid.map((row) => row.map((value) => String(value).padStart(3)).join(''));

/** The sum of products of each place. */
function sums(input: Grid, kernel: Grid, stride: number, padding: number): string[] {
  const at = (row: number, column: number): number => input[row]?.[column] ?? 0;
  return correlate(input, kernel, { stride, padding }).flatMap((row, i) =>
    row.map((value, j) => {
      const products = kernel.flatMap((line, r) =>
        line.map((weight, c) => `${at(i * stride - padding + r, j * stride - padding + c)}·${weight}`),
      );
      return `Row ${i + 1}, column ${j + 1}: ${products.join(' + ')} = ${value}`;
    }),
  );
}

function handQuestion(id: string, title: string, stride: number, padding: number): QuestionMaker {
  return {
    id,
    title,
    make(random) {
      const input = random === undefined ? COUNTING : small(random, 3, 0, 9);
      const kernel = random === undefined ? SMALL : small(random, 2, -2, 3);
      const output = correlate(input, kernel, { stride, padding });
      const how = padding === 0 ? 'one pixel at a time' : `with padding ${padding} and stride ${stride}`;
      return {
        prompt: `Slide the kernel over the picture, ${how}, and add up the products at each place.`,
        code: ['picture:', ...shown(input), 'kernel:', ...shown(kernel)],
        parts: output.flatMap((row, i) => row.map((value, j) => numberPart(`Row ${i + 1}, column ${j + 1}`, value))),
        hint:
          padding === 0
            ? 'Lay the kernel on the upper left corner, multiply number by number, add. Then move it.'
            : 'Draw a border of zeros first. Then lay the kernel on the upper left corner and move it two at a time.',
        worked: () => sums(input, kernel, stride, padding),
        network: undefined,
      };
    },
  };
}

export const byHand = handQuestion('by-hand', 'Compute a convolution by hand', 1, 0);
export const byHandPadded = handQuestion('by-hand-padded', 'With a border of zeros and larger steps', 2, 1);

export const edges: QuestionMaker = {
  id: 'edges',
  title: 'A kernel that finds edges',
  make(random) {
    const row = random === undefined ? STRIPES[0]! : Array.from({ length: 8 }, (_, i) => Number(i < whole(random, 2, 3) || i > 5));
    const [output] = correlate([row], EDGE);
    return {
      prompt: `The kernel [1, −1] slides over the row ${row.join(' ')}. Which seven numbers come out?`,
      code: [],
      parts: output!.map((value, i) => numberPart(`Place ${i + 1}`, value)),
      hint: 'At each place: the left number minus the right one.',
      worked: () => output!.map((value, i) => `${row[i]!} − ${row[i + 1]!} = ${value}`),
      network: undefined,
    };
  },
};

export const turnedPicture: QuestionMaker = {
  id: 'turned-picture',
  title: 'The picture lies on its side',
  make(random) {
    const turned = STRIPES[0]!.map((_, column) => STRIPES.map((row) => row[column]!));
    const none = correlate(turned, EDGE)
      .flat()
      .every((value) => value === 0);
    const options = ['zeros everywhere', 'the same edges, lying', 'ones everywhere'];
    return {
      prompt: 'The stripes are turned, so that they lie. The same kernel [1, −1] slides over them. What comes out?',
      code: [],
      parts: [choicePart('The output', options, none ? 0 : 1, random)],
      hint: 'The kernel compares each number with its neighbour to the right.',
      worked: () => [
        'In lying stripes left and right neighbours are alike everywhere, so every difference is 0. A kernel finds its own pattern and no other; for lying edges it takes another kernel.',
      ],
      network: undefined,
    };
  },
};

export const unequalPadding: QuestionMaker = {
  id: 'unequal-padding',
  title: 'A kernel that is no square',
  make(random) {
    const [height, width] = random === undefined ? [5, 3] : [pick(random, [3, 7]), pick(random, [1, 5])];
    const [rows, columns] = [(height - 1) / 2, (width - 1) / 2];
    const shape = batchShape(new nn.Conv2d(1, 1, [height, width], { padding: [rows, columns] }), [1, 1, 8, 8]);
    return {
      prompt: `Pictures of 8 × 8, a kernel ${height} high and ${width} wide, stride 1. Which padding keeps ${shape[2]!} × ${shape[3]!}?`,
      code: [`nn.Conv2d(1, 1, kernel_size=(${height}, ${width}), padding=(?, ?))`],
      parts: [numberPart('Above and below', rows), numberPart('Left and right', columns)],
      hint: 'Each direction by itself: half of what the kernel takes away.',
      worked: () => [
        `Above and below (${height} − 1) / 2 = ${rows}, left and right (${width} − 1) / 2 = ${columns}: [${shape.join(', ')}] comes out.`,
      ],
      network: undefined,
    };
  },
};
