/** How a number of a stage came to be: which numbers of the stage before it were taken, and what was done with them. */
import type { FullLook, Stage, StageParameters } from './look.ts';
import { activationOf } from './activations.ts';
import { averagedOver, indexOf, sidesOf, slidingOf, spotOf, type Spot } from './places.ts';
import { bracketed, linesOf, patch, short, sumOf, type Patch, type Sum } from './sum.ts';

/** The sum of number `at` (counted through the whole stage) with the real numbers. */
export function forwardSum(look: FullLook, stageIndex: number, at: number): Sum {
  const stage = look.stages[stageIndex]!;
  const value = stage.values[at]!;
  if (stage.kind === 'input') return inputSum(value);
  const source = look.stages[stage.from[0]!]!;
  const spot = spotOf(stage, at);
  const own = look.parameters.get(stageIndex);
  switch (stage.kind) {
    case 'conv2d':
      return convSum(stage, source, spot, own);
    case 'linear':
      return linearSum(look, source, at, own);
    case 'batchNorm2d':
      return normSum(source.values[at]!, spot.channel, own);
    case 'maxPool2d':
    case 'avgPool2d':
      return poolSum(stage, source, spot);
    case 'adaptiveAvgPool2d':
      return averageSum(stage, source, spot);
    case 'add': {
      const other = look.stages[stage.from[1]!]!;
      const [a, b] = [source.values[at]!, other.values[at]!];
      return linesOf('What the branch made and what came by the shortcut are added.', [
        { text: `${short(a)} + ${bracketed(b)}`, value: a + b },
      ]);
    }
    case 'probabilities':
      return softmaxSum(source, at);
    case 'flatten': {
      const from = spotOf(source, at);
      return linesOf(
        `Flatten only writes numbers one after another: this one is map ${from.channel + 1}, row ${from.row + 1}, column ${from.column + 1} of the stage before.`,
        [{ text: short(value), value }],
      );
    }
    case 'mobileNetV2':
      return linesOf(
        'The convolutions of MobileNetV2 made this number: 52 one after another, each the kind of sum that the smaller templates show. They are not written out here.',
        [{ text: short(value), value }],
      );
    default: {
      const activation = activationOf(stage.layer);
      if (activation !== undefined) return linesOf(activation.sentence, activation.value(source.values[at]!));
      return linesOf('Nothing is done here while the network is only used: dropout works in training alone.', [
        { text: short(source.values[at]!), value: source.values[at]! },
      ]);
    }
  }
}

function inputSum(value: number): Sum {
  const byte = Math.round((value * 0.5 + 0.5) * 255);
  return linesOf('Brightness from 0 to 255 is brought between −1 and 1.', [
    { text: `(${byte} ÷ 255 − 0.5) ÷ 0.5`, value: (byte / 255 - 0.5) / 0.5 },
  ]);
}

function convSum(stage: Stage, source: Stage, { channel, row, column }: Spot, own: StageParameters | undefined): Sum {
  const { kernel, stride, padding } = slidingOf(stage.layer)!;
  const [, height, width] = sidesOf(source);
  const weight = own!.weight!;
  const depth = own!.weightShape[1]!;
  const groups = stage.layer?.kind === 'conv2d' ? stage.layer.groups : 1;
  const first = Math.floor(channel / (stage.shape[0]! / groups)) * depth;
  const [top, left] = [row * stride - padding, column * stride - padding];
  const patches = Array.from({ length: depth }, (_, d) =>
    patch(
      { of: 'values', stage: source.index, channel: first + d, top, left, rows: kernel, columns: kernel, name: `channel ${first + d + 1}` },
      [height, width],
      (y, x) => source.values[((first + d) * height + y) * width + x]!,
      (r, c) => weight[((channel * depth + d) * kernel + r) * kernel + c]!,
    ),
  );
  const border = patches[0]?.values.some(Number.isNaN) === true ? ' The window reaches over the border, where zeros count.' : '';
  return sumOf(
    `Filter ${channel + 1} is laid over the window, ${depth === 1 ? 'numbers are' : `in all ${depth} channels numbers are`} multiplied with its weights, and everything is added up${own!.bias === undefined ? '' : ', with the bias'}.${border}`,
    patches,
    own!.bias?.[channel],
  );
}

/** Where a list was maps before it was flattened, it is shown as those maps. */
function mapsBehind(look: Pick<FullLook, 'stages'>, list: Stage): Stage {
  let stage = list;
  while (stage.shape.length === 1 && (stage.kind === 'flatten' || stage.kind === 'dropout')) stage = look.stages[stage.from[0]!]!;
  const [, height, width] = sidesOf(stage);
  return height * width > 1 && stage.values.length === list.values.length ? stage : list;
}

function linearSum(look: FullLook, source: Stage, out: number, own: StageParameters | undefined): Sum {
  const weight = own!.weight!;
  const features = source.values.length;
  const shown = mapsBehind(look, source);
  const bias = own!.bias?.[out];
  const sentence = `Each of the ${features} inputs is multiplied with its weight for output ${out + 1}, and everything is added up${bias === undefined ? '' : ', with the bias'}.`;
  return sumOf(sentence, listPatches(shown, features, (i) => source.values[i]!, (i) => weight[out * features + i]!), bias); // prettier-ignore
}

/** Patches of all numbers of a stage: a map each, or the list in one piece. */
function listPatches(shown: Stage, count: number, at: (i: number) => number, weight: (i: number) => number): Patch[] {
  const [channels, height, width] = sidesOf(shown);
  const start = { of: 'values', stage: shown.index, top: 0, left: 0 } as const;
  if (height * width === 1) {
    return [
      patch(
        { ...start, channel: 0, rows: 1, columns: count, name: 'all inputs' },
        [1, count],
        (_, c) => at(c),
        (_, c) => weight(c),
      ),
    ];
  }
  const area = height * width;
  return Array.from({ length: channels }, (_, channel) =>
    patch(
      { ...start, channel, rows: height, columns: width, name: `map ${channel + 1}` },
      [height, width],
      (r, c) => at(channel * area + r * width + c),
      (r, c) => weight(channel * area + r * width + c),
    ),
  );
}

function normSum(x: number, channel: number, own: StageParameters | undefined): Sum {
  const [mean, variance] = [own!.mean![channel]!, own!.variance![channel]!];
  const [weight, bias] = [own!.weight?.[channel] ?? 1, own!.bias?.[channel] ?? 0];
  const spread = Math.sqrt(variance + own!.eps);
  const normal = (x - mean) / spread;
  return linesOf('Batch norm takes off the mean that this map had in training, divides by its spread, then scales and shifts as learned.', [
    { text: `√(variance ${short(variance)} + ${own!.eps})`, value: spread },
    { text: `(${short(x)} − ${bracketed(mean)}) ÷ ${short(spread)}`, value: normal },
    { text: `${short(normal)} × ${bracketed(weight)} + ${bracketed(bias)}`, value: normal * weight + bias },
  ]);
}

function poolSum(stage: Stage, source: Stage, { channel, row, column }: Spot): Sum {
  const { kernel, stride, padding } = slidingOf(stage.layer)!;
  const [, height, width] = sidesOf(source);
  const read = patch(
    { of: 'values', stage: source.index, channel, top: row * stride - padding, left: column * stride - padding, rows: kernel, columns: kernel, name: `map ${channel + 1}` }, // prettier-ignore
    [height, width],
    (y, x) => source.values[indexOf(source, { channel, row: y, column: x })]!,
  );
  if (stage.kind === 'avgPool2d')
    return sumOf(`The mean of the ${kernel * kernel} numbers of the window.`, [read], undefined, 1 / (kernel * kernel));
  const chosen = largest(read.values);
  const value = read.values[chosen]!;
  const sum = { ...read, chosen, sum: value };
  return { ...sumOf(`The largest of the ${kernel * kernel} numbers of the window is taken.`, [sum]), computed: value };
}

/** The first of the largest; what lies outside does not count. */
export function largest(values: readonly number[]): number {
  let chosen = -1;
  values.forEach((value, i) => {
    if (!Number.isNaN(value) && (chosen < 0 || value > values[chosen]!)) chosen = i;
  });
  return chosen;
}

function averageSum(stage: Stage, source: Stage, { channel, row, column }: Spot): Sum {
  const [, height, width] = sidesOf(source);
  const [, outHeight, outWidth] = sidesOf(stage);
  const [top, bottom] = averagedOver(height, outHeight, row);
  const [left, right] = averagedOver(width, outWidth, column);
  const read = patch(
    { of: 'values', stage: source.index, channel, top, left, rows: bottom - top, columns: right - left, name: `map ${channel + 1}` },
    [height, width],
    (y, x) => source.values[indexOf(source, { channel, row: y, column: x })]!,
  );
  const count = read.values.length;
  return sumOf(
    `The mean of ${count === height * width ? 'all' : 'these'} ${count} numbers of map ${channel + 1}.`,
    [read],
    undefined,
    1 / count,
  );
}

function softmaxSum(source: Stage, at: number): Sum {
  const scores = [...source.values];
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return linesOf(
    'Softmax makes shares of the scores: e to the power of each (less the largest, so that nothing overflows), divided by the sum of all.',
    [
      { text: `e^(${short(scores[at]!)} − ${bracketed(most)})`, value: powers[at]! },
      { text: `sum over classes: ${shownSum(powers)}`, value: total },
      { text: `${short(powers[at]!)} ÷ ${short(total)}`, value: powers[at]! / total },
    ],
  );
}

/** A sum written out, shortened where it is long. */
const shownSum = (values: readonly number[]): string =>
  values.length <= 12 ? values.map(short).join(' + ') : `${values.slice(0, 11).map(short).join(' + ')} + … (${values.length} of them)`;
