/** How the loss changes with a number of a stage: the gradients of all numbers that it went into, each times how much it counted there. */
import type { FullLook, Stage } from './look.ts';
import { activationOf } from './activations.ts';
import { largest } from './forward.ts';
import { averagedOver, indexOf, outputsSeeing, sidesOf, slidingOf, spotOf } from './places.ts';
import { bracketed, linesOf, patch, short, sumOf, type Patch, type Sum } from './sum.ts';

/** What came back from one stage that the number went into. */
export interface BackwardPart {
  readonly consumer: number;
  readonly sum: Sum;
}

export interface BackwardSum {
  readonly parts: readonly BackwardPart[];
  /** Of all parts. */
  readonly computed: number;
}

/** ∂loss/∂number `at` of a stage with the real numbers. */
export function backwardSum(look: FullLook, stageIndex: number, at: number): BackwardSum {
  const stage = look.stages[stageIndex]!;
  if (stage.kind === 'probabilities') {
    const p = stage.values[at]!;
    const sum =
      at === look.label
        ? linesOf('The loss is −ln of the probability of the right class, so its slope is −1 ÷ p.', [
            { text: `−1 ÷ ${short(p)}`, value: -1 / p },
          ])
        : linesOf('The loss is −ln of the probability of the right class; this is another class.', [{ text: '0', value: 0 }]);
    return { parts: [{ consumer: stageIndex, sum }], computed: sum.computed };
  }
  const parts = look.stages
    .filter(({ from }) => from.includes(stageIndex))
    .map((consumer) => ({ consumer: consumer.index, sum: cameBack(look, consumer, stage, at) }));
  return { parts, computed: parts.reduce((total, { sum }) => total + sum.computed, 0) };
}

function cameBack(look: FullLook, consumer: Stage, stage: Stage, at: number): Sum {
  const gradient = consumer.gradient!;
  const own = look.parameters.get(consumer.index);
  switch (consumer.kind) {
    case 'conv2d':
      return convBack(look, consumer, stage, at);
    case 'linear': {
      const [weight, features] = [own!.weight!, stage.values.length];
      const outputs = consumer.values.length;
      const read = patch(
        { of: 'gradients', stage: consumer.index, channel: 0, top: 0, left: 0, rows: 1, columns: outputs, name: 'all outputs' },
        [1, outputs],
        (_, o) => gradient[o]!,
        (_, o) => weight[o * features + at]!,
      );
      return sumOf('It went into every output of the linear layer: each gradient there, times the weight between, added up.', [read]);
    }
    case 'maxPool2d':
    case 'avgPool2d':
      return poolBack(consumer, stage, at);
    case 'adaptiveAvgPool2d':
      return averageBack(consumer, stage, at);
    case 'batchNorm2d': {
      const { channel } = spotOf(stage, at);
      const spread = Math.sqrt(own!.variance![channel]! + own!.eps);
      const weight = own!.weight?.[channel] ?? 1;
      return linesOf('Batch norm multiplied the number by its scale ÷ spread, so the gradient is, too.', [
        { text: `${short(gradient[at]!)} × ${bracketed(weight)} ÷ ${short(spread)}`, value: (gradient[at]! * weight) / spread },
      ]);
    }
    case 'probabilities': {
      const p = consumer.values[at]!;
      return at === look.label
        ? linesOf('Softmax and the loss together: probability − 1, since this is the right class.', [
            { text: `${short(p)} − 1`, value: p - 1 },
          ])
        : linesOf('Softmax and the loss together: the probability, since it should be 0.', [{ text: short(p), value: p }]);
    }
    case 'add':
      return linesOf('A sum hands its gradient to both of its parts unchanged.', [{ text: short(gradient[at]!), value: gradient[at]! }]);
    case 'mobileNetV2':
      return linesOf('The gradient came back through the 52 convolutions of MobileNetV2, whose sums are not written out here.', [
        { text: short(stage.gradient![at]!), value: stage.gradient![at]! },
      ]);
    default: {
      const activation = activationOf(consumer.layer);
      if (activation === undefined)
        return linesOf('The number was only handed on, and so is the gradient.', [{ text: short(gradient[at]!), value: gradient[at]! }]);
      const slope = activation.slope(stage.values[at]!);
      const factor = slope.at(-1)!.value;
      return linesOf('The gradient behind it, times the slope of the function at this number.', [
        ...slope.map(({ text, value }) => ({ text: `slope: ${text}`, value })),
        { text: `${short(gradient[at]!)} × ${bracketed(factor)}`, value: gradient[at]! * factor },
      ]);
    }
  }
}

function convBack(look: FullLook, consumer: Stage, stage: Stage, at: number): Sum {
  const sliding = slidingOf(consumer.layer)!;
  const { kernel, stride, padding } = sliding;
  const own = look.parameters.get(consumer.index)!;
  const weight = own.weight!;
  const depth = own.weightShape[1]!;
  const { channel, row, column } = spotOf(stage, at);
  const [filters, height, width] = sidesOf(consumer);
  const perGroup = filters / (stage.shape[0]! / depth);
  const first = Math.floor(channel / depth) * perGroup;
  const [top, bottom] = outputsSeeing(sliding, row, height);
  const [left, right] = outputsSeeing(sliding, column, width);
  const patches = Array.from({ length: perGroup }, (_, i) => {
    const filter = first + i;
    return patch(
      { of: 'gradients', stage: consumer.index, channel: filter, top, left, rows: bottom - top, columns: right - left, name: `filter ${filter + 1}` }, // prettier-ignore
      [height, width],
      (y, x) => consumer.gradient![(filter * height + y) * width + x]!,
      (r, c) => {
        const [ky, kx] = [row + padding - (top + r) * stride, column + padding - (left + c) * stride];
        return weight[((filter * depth + (channel % depth)) * kernel + ky) * kernel + kx]!;
      },
    );
  });
  return sumOf(
    `${perGroup} filters saw it, each at up to ${kernel * kernel} places: the gradient at each place, times the weight that lay on the number there, added up.`,
    patches,
  );
}

function poolBack(consumer: Stage, stage: Stage, at: number): Sum {
  const sliding = slidingOf(consumer.layer)!;
  const { kernel, stride, padding } = sliding;
  const { channel, row, column } = spotOf(stage, at);
  const [, inHeight, inWidth] = sidesOf(stage);
  const [, height, width] = sidesOf(consumer);
  const [top, bottom] = outputsSeeing(sliding, row, height);
  const [left, right] = outputsSeeing(sliding, column, width);
  const taken = (y: number, x: number): boolean => {
    const window: number[] = [];
    for (let r = 0; r < kernel; r++) {
      for (let c = 0; c < kernel; c++) {
        const [iy, ix] = [y * stride - padding + r, x * stride - padding + c];
        const inside = iy >= 0 && iy < inHeight && ix >= 0 && ix < inWidth;
        window.push(inside ? stage.values[indexOf(stage, { channel, row: iy, column: ix })]! : NaN);
      }
    }
    return largest(window) === (row - (y * stride - padding)) * kernel + column - (x * stride - padding);
  };
  const mean = consumer.kind === 'avgPool2d';
  const read: Patch = patch(
    { of: 'gradients', stage: consumer.index, channel, top, left, rows: bottom - top, columns: right - left, name: `map ${channel + 1}` },
    [height, width],
    (y, x) => consumer.gradient![indexOf(consumer, { channel, row: y, column: x })]!,
    (r, c) => (mean ? 1 / (kernel * kernel) : taken(top + r, left + c) ? 1 : 0),
  );
  return sumOf(
    mean
      ? `Each window's mean holds a share of 1/${kernel * kernel} of it, and hands back that share of its gradient.`
      : 'A window hands its whole gradient to the number that was its largest, and nothing to the others.',
    [read],
  );
}

function averageBack(consumer: Stage, stage: Stage, at: number): Sum {
  const { channel, row, column } = spotOf(stage, at);
  const [, inHeight, inWidth] = sidesOf(stage);
  const [, height, width] = sidesOf(consumer);
  const holding = (input: number, output: number, i: number): readonly [number, number] => {
    const held = Array.from({ length: output }, (_, o) => o).filter((o) => {
      const [start, end] = averagedOver(input, output, o);
      return i >= start && i < end;
    });
    return [held[0]!, held.at(-1)! + 1];
  };
  const [top, bottom] = holding(inHeight, height, row);
  const [left, right] = holding(inWidth, width, column);
  const share = (r: number, c: number): number => {
    const [y0, y1] = averagedOver(inHeight, height, top + r);
    const [x0, x1] = averagedOver(inWidth, width, left + c);
    return 1 / ((y1 - y0) * (x1 - x0));
  };
  const read = patch(
    { of: 'gradients', stage: consumer.index, channel, top, left, rows: bottom - top, columns: right - left, name: `map ${channel + 1}` },
    [height, width],
    (y, x) => consumer.gradient![indexOf(consumer, { channel, row: y, column: x })]!,
    share,
  );
  return sumOf('A mean hands every number its share of the gradient.', [read]);
}
