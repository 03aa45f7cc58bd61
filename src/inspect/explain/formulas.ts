/**
 * The formulas of the tutorials with a layer's numbers in them: output sizes, parameters, multiply-adds, memory. Each result is
 * computed from the layer as it is, and the formula beside it from the same facts.
 */
import { numelOf, type Dims } from '../../base/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { TracedStep } from '../trace.ts';
import { bytes, counted, grouped, times } from './notation.ts';
import { adaptiveSides, convFacts, leftOver, poolWindow, transposedFacts, type Side, type Window } from './window.ts';

/** A count, and how it comes about: `16 filters × (3×3×3 weights + 1 bias) = 448`. */
export interface Counted {
  readonly count: number;
  readonly formula: string;
}

const NOTHING: Counted = { count: 0, formula: '' };

// ---------------------------------------------------------------------------------------------- output sizes

/** The formula of the output's height and width: one line when they are alike, else two. Empty for what has none. */
export function sizeFormulas(step: TracedStep): string[] {
  const conv = convFacts(step.op);
  if (conv?.same === true) return [`padding 'same' keeps ${conv.height.input}×${conv.width.input}: ${sameZeros(conv)}`];
  const window = conv ?? poolWindow(step.op);
  if (window !== undefined) return alike(sideFormula(window.height), sideFormula(window.width));
  const spread = transposedFacts(step.op);
  if (spread !== undefined) return alike(spreadFormula(spread.height), spreadFormula(spread.width));
  if (step.op?.name === 'resample2d') {
    const [from, to] = [step.op.inputs[0]!.slice(-2), step.op.output.slice(-2)];
    const side = (i: 0 | 1): string => `${from[i]} resized to ${to[i]}`;
    return alike(side(0), side(1));
  }
  const adaptive = adaptiveSides(step.op);
  if (adaptive !== undefined) {
    const side = (i: 0 | 1): string => `${adaptive[i].input} in ${counted(adaptive[i].output, 'part')} of up to ${adaptive[i].largest}`;
    return alike(side(0), side(1));
  }
  if (isFlatten(step)) {
    const merged = mergedSizes(step);
    return merged === undefined ? [] : [`${times(merged)} = ${grouped(numelOf(merged))}`];
  }
  return [];
}

const alike = (height: string, width: string): string[] => (height === width ? [height] : [`height: ${height}`, `width: ${width}`]);

function sameZeros({ height, width }: Window): string {
  const side = ({ before, after }: Side): string => (before === after ? `${before}` : `${before} and ${after}`);
  return side(height) === side(width)
    ? `${side(height)} zeros on each side`
    : `${side(height)} zeros above and below, ${side(width)} left and right`;
}

/** ⌊(W − F + 2·P) / S⌋ + 1, as the tutorials write it; a dilated kernel covers D·(F − 1) + 1. */
function sideFormula(side: Side): string {
  const { input, kernel, stride, before, dilation, output, ceil } = side;
  const covered = dilation === 1 ? `${kernel}` : `${dilation}·(${kernel} − 1) − 1`;
  const [open, close] = ceil ? ['⌈', '⌉'] : ['⌊', '⌋'];
  const exact = ceil ? Math.ceil((input + 2 * before - dilation * (kernel - 1) - 1) / stride) + 1 : output;
  const cut = exact > output ? `, less a window that would begin in the padding = ${output}` : '';
  return `${open}(${input} − ${covered} + 2·${before}) / ${stride}${close} + 1 = ${exact}${cut}`;
}

/** (W − 1)·S − 2·P + D·(F − 1) + 1, and what was added at the end so that it comes to the output. */
function spreadFormula({ input, kernel, stride, before, dilation, output }: Side): string {
  const field = dilation === 1 ? `${kernel}` : `${dilation}·(${kernel} − 1) + 1`;
  const extra = output - ((input - 1) * stride - 2 * before + dilation * (kernel - 1) + 1);
  return `(${input} − 1)·${stride} − 2·${before} + ${field}${extra === 0 ? '' : ` + ${extra}`} = ${output}`;
}

/** What no window reaches, if anything. */
export function leftOverNote(step: TracedStep): string {
  const window = convFacts(step.op) ?? poolWindow(step.op);
  if (window === undefined) return '';
  const part = (count: number, word: string): string => (count === 0 ? '' : `the last ${count === 1 ? word : `${count} ${word}s`}`);
  const [rows, columns] = [leftOver(window.height), leftOver(window.width)];
  const parts = [part(rows, 'row'), part(columns, 'column')].filter(Boolean);
  return parts.length === 0 ? '' : `no window reaches ${parts.join(' and ')}`;
}

// ---------------------------------------------------------------------------------------------- flatten

/** Whether a step makes dimensions one. */
export function isFlatten(step: TracedStep): boolean {
  return step.type === 'flatten' || (step.op === undefined && (step.inputs[0]?.length ?? 0) > step.output.length);
}

/** The sizes that a flatten multiplies: 32, 7, 7. */
export function mergedSizes({ inputs: [from = []], output }: TracedStep): Dims | undefined {
  const head = output.findIndex((size, i) => size !== from[i]);
  const start = head === -1 ? output.length - 1 : head;
  const tail = output.length - start - 1;
  const merged = from.slice(start, from.length - tail);
  return numelOf(merged) === output[start] && merged.length > 1 ? merged : undefined;
}

// ---------------------------------------------------------------------------------------------- parameters

/** Parameters of a step that no earlier step has. */
export function parameterCount(step: TracedStep, known: ReadonlyMap<Tensor, number>, steps: readonly TracedStep[]): Counted {
  const own = step.parameters.filter(([, parameter]) => !known.has(parameter));
  const count = own.reduce((sum, [, parameter]) => sum + parameter.numel(), 0);
  const shared = step.parameters.find(([, parameter]) => known.has(parameter));
  if (own.length === 0) {
    if (shared === undefined) return NOTHING;
    const first = known.get(shared[1])!;
    return { count: 0, formula: `those of step ${first + 1} again` };
  }
  const formula = shared === undefined ? structuredFormula(step, count, steps) : undefined;
  return { count, formula: formula ?? listed(own, count) };
}

/** A formula that says what the numbers mean, for the layers where that is known; it must come to the right count. */
function structuredFormula(step: TracedStep, count: number, steps: readonly TracedStep[]): string | undefined {
  const conv = convFacts(step.op);
  if (conv !== undefined) {
    const depth = conv.groups === 1 ? `${conv.depth}` : `(${conv.channels}/${conv.groups})`;
    const kernel = `${conv.height.kernel}×${conv.width.kernel}×${depth}`;
    const expected = conv.filters * (conv.height.kernel * conv.width.kernel * conv.depth + (conv.bias ? 1 : 0));
    const weights = conv.bias ? `(${kernel} weights + 1 bias)` : `${kernel} weights`;
    return expected === count ? `${counted(conv.filters, 'filter')} × ${weights} = ${grouped(count)}` : undefined;
  }
  const spread = transposedFacts(step.op);
  if (spread !== undefined) {
    const per = spread.outChannels / spread.groups;
    const kernel = `${spread.height.kernel}×${spread.width.kernel}×${per}`;
    const weights = spread.inChannels * spread.height.kernel * spread.width.kernel * per;
    const biases = count - weights;
    if (biases !== 0 && biases !== spread.outChannels) return undefined;
    const added = biases === 0 ? '' : ` + ${biases} biases`;
    return `${counted(spread.inChannels, 'channel')} × ${kernel} weights${added} = ${grouped(count)}`;
  }
  if (step.op?.name === 'linear') {
    const [x, weight, bias] = step.op.inputs;
    const [out, features] = [weight![0]!, x!.at(-1)!];
    const flatten = steps[step.from[0] ?? -1];
    const merged = flatten !== undefined && isFlatten(flatten) ? mergedSizes(flatten) : undefined;
    const inside = merged !== undefined && numelOf(merged) === features ? times(merged) : grouped(features);
    const weights = bias === undefined ? `${inside} weights` : `(${inside} weights + 1 bias)`;
    const expected = out * (features + (bias === undefined ? 0 : 1));
    return expected === count ? `${counted(out, 'output')} × ${weights} = ${grouped(count)}` : undefined;
  }
  if (step.op?.name === 'batchNormEval' && step.parameters.length === 2) {
    const channels = step.op.inputs[0]![1]!;
    return 2 * channels === count ? `${counted(channels, 'channel')} × (1 scale + 1 shift) = ${grouped(count)}` : undefined;
  }
  return undefined;
}

function listed(own: TracedStep['parameters'], count: number): string {
  const parts = own.map(([path, p]) => `${path.split('.').at(-1)!} ${times(p.layout.shape)}`);
  return `${parts.join(' + ')} = ${grouped(count)}`;
}

// ---------------------------------------------------------------------------------------------- multiply-adds, memory

/** Multiplications with a following addition in convolutions, linear layers and matrix products; biases not counted. */
export function multiplyAdds(step: TracedStep): Counted {
  const { op, output } = step;
  const conv = convFacts(op);
  if (conv !== undefined) {
    const per = conv.height.kernel * conv.width.kernel * conv.depth;
    return product(output, `${conv.height.kernel}×${conv.width.kernel}×${conv.depth}`, per);
  }
  const spread = transposedFacts(op);
  if (spread !== undefined) {
    const per = spread.height.kernel * spread.width.kernel * (spread.outChannels / spread.groups);
    const [x] = op!.inputs as [Dims];
    const count = numelOf(x) * per;
    const shown = x[0] === 1 ? x.slice(1) : x;
    return { count, formula: `${times(shown)} inputs × ${per} = ${grouped(count)}` };
  }
  if (op?.name === 'linear' || op?.name === 'matmul') {
    const inner = op.inputs[0]!.at(-1)!;
    return product(op.output, grouped(inner), inner);
  }
  return NOTHING;
}

function product(output: Dims, per: string, each: number): Counted {
  const count = numelOf(output) * each;
  const shown = output[0] === 1 && output.length > 1 ? output.slice(1) : output;
  return { count, formula: `${times(shown)} ${numelOf(shown) === 1 ? 'output' : 'outputs'} × ${per} = ${grouped(count)}` };
}

/** Bytes of what a step gives, the whole batch. */
export function memory(step: TracedStep): Counted {
  const { output, shares } = step;
  if (shares) return { count: 0, formula: 'none of its own: the same memory as its input' };
  const count = numelOf(output) * step.itemSize;
  const shown = output[0] === 1 && output.length > 1 ? output.slice(1) : output;
  return { count, formula: `${times(shown)} × ${step.itemSize} bytes = ${bytes(count)}` };
}
