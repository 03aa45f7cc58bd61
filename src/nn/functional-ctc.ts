/**
 * Connectionist temporal classification (Graves et al. 2006), part of `F`: the negative log-likelihood of label sequences under the
 * probabilities of a class for each time, summed over all ways in which the labels may be spread over time.
 *
 * `ctc-states.ts` has the recursions and the gradient; what is recorded or differentiated twice is composed here of operations with gradients. As
 * PyTorch's, the gradient is that with respect to the logits of a logSoftmax: the probability of a class less what the labels make of it.
 */
import { arrayOf, BOOL, either, SIZE } from '../base/arguments.ts';
import { requireDType } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Reduction } from '../geometry/loss.ts';
import { TENSOR } from '../tensor/arguments.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { cat, where } from '../tensor/functions.ts';
import { activeObserver } from '../tensor/observer.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { emittedOf, flags, likelihoodOf, logSum, NEVER, statesLosses, statesOf, type CtcLengths, type CtcSamples } from './ctc-states.ts';
import { REDUCTION } from './functional-loss.ts';
import '../tensor/families/picking.ts';

/** Lengths as a tensor or as numbers. */
export type Lengths = Tensor | readonly number[] | number;

export interface CtcOptions {
  /** The class that means no label. Default 0. */
  readonly blank?: number;
  /** Default 'mean', of losses divided by the lengths of their targets. */
  readonly reduction?: Reduction;
  /** Whether losses that are infinite, of targets too long for the input, count as 0. Default false. */
  readonly zeroInfinity?: boolean;
}
interface CtcArguments extends CtcOptions {
  readonly logProbs: Tensor;
  readonly targets: Tensor;
  readonly inputLengths: Lengths;
  readonly targetLengths: Lengths;
}
export const CTC_KINDS = { blank: SIZE, reduction: REDUCTION, zeroInfinity: BOOL };
const LENGTHS = either(TENSOR, SIZE, arrayOf(SIZE, 'lengths'));
const CTC = signature<CtcArguments>(
  'F.ctcLoss',
  { logProbs: TENSOR, targets: TENSOR, inputLengths: LENGTHS, targetLengths: LENGTHS, ...CTC_KINDS },
  { required: 4 },
);

const numbersOf = (lengths: Lengths): number[] =>
  typeof lengths === 'number'
    ? [lengths]
    : Array.isArray(lengths)
      ? [...(lengths as number[])]
      : Array.from((lengths as Tensor).cpu().toTypedArray(), Number);

/**
 * The CTC loss (https://pytorch.org/docs/stable/generated/torch.nn.functional.ctc_loss.html).
 * @param logProbs [T, N, C] or [T, C], logarithms of probabilities
 * @param targets [N, S], or all one after another [Σ targetLengths]; without the blank
 * @param inputLengths of each sample, at most T
 * @throws ShapeError, ArgumentError for lengths and classes that do not fit
 * @example
 * import { F, tensor, zeros } from 'flambeau';
 * const x = F.logSoftmax(zeros(4, 1, 3), 2);
 * const loss = F.ctcLoss(x, tensor([[1, 2]], { dtype: 'int64' }), [4], [2], { reduction: 'sum' });
 * if (Math.abs(loss.item() - Math.log(81 / 15)) > 1e-5) throw new Error('15 of 81 ways read 1, 2');
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Lengths,
  targetLengths: Lengths,
  blank?: number | CtcOptions,
  reduction?: Reduction | Omit<CtcOptions, 'blank'>,
  zeroInfinity?: boolean | Pick<CtcOptions, 'zeroInfinity'>,
): Tensor;
export function ctcLoss(...args: readonly unknown[]): Tensor {
  const { logProbs, targets, inputLengths, targetLengths, ...options } = readCall(CTC, args);
  const { blank = 0, reduction = 'mean', zeroInfinity = false } = options;
  requireDType('ctcLoss', 'logProbs', logProbs.dtype, ['float32', 'float64']);
  requireDType('ctcLoss', 'targets', targets.dtype, ['int64', 'int32']);
  if (logProbs.ndim !== 2 && logProbs.ndim !== 3)
    throw new ShapeError(`ctcLoss: expected logProbs [T, N, C] or [T, C], but got ${showShape(logProbs.layout.shape)}`);
  const single = logProbs.ndim === 2;
  const x = single ? logProbs.unsqueeze(1) : logProbs;
  const lengths = { input: numbersOf(inputLengths), target: numbersOf(targetLengths) };
  const labels = labelsOf(x, targets, lengths, blank);
  const samples: CtcSamples = { labels, lengths, blank };
  const none = zeroInfinity ? 0 : Infinity;
  const composed = (of: Tensor): Tensor => sequenceLosses(of, samples, none);
  const watched = activeRecorder() !== undefined || activeObserver() !== undefined;
  const losses = watched || labels.length === 0 || lengths.input.includes(0) ? composed(x) : statesLosses(x, samples, none, composed);
  if (reduction === 'none') return single ? losses.squeeze(0) : losses;
  if (reduction === 'sum') return losses.sum();
  const sizes = Float64Array.from(lengths.target, (n) => Math.max(n, 1));
  return losses.div(fromTypedArray(sizes, [sizes.length]).to(x.dtype).to(x.device)).mean();
}

/** The labels of each sample, after all checks. */
function labelsOf(x: Tensor, targets: Tensor, lengths: CtcLengths, blank: number): number[][] {
  const [steps, samples, classes] = x.layout.shape as [number, number, number];
  const fail = (what: string): never => {
    throw new ArgumentError(`ctcLoss: expected ${what}`);
  };
  if (blank >= classes) fail(`blank to be one of ${classes} classes, but got ${blank}`);
  if (lengths.input.length !== samples || lengths.target.length !== samples)
    fail(`${samples} lengths, one for each sample, but got ${lengths.input.length} of inputs and ${lengths.target.length} of targets`);
  const long = lengths.input.find((n) => n > steps || n < 0);
  if (long !== undefined) fail(`input lengths of at most ${steps}, but got ${long}`);
  const all = Array.from(targets.cpu().toTypedArray(), Number);
  const total = lengths.target.reduce((n, m) => n + m, 0);
  const width = targets.ndim === 2 ? targets.layout.shape[1]! : 0;
  if (
    targets.ndim === 2
      ? targets.layout.shape[0] !== samples || lengths.target.some((n) => n > width)
      : targets.ndim !== 1 || all.length !== total
  ) {
    throw new ShapeError(
      `ctcLoss: expected targets [${samples}, ≥ ${Math.max(0, ...lengths.target)}] or [${total}], but got ${showShape(targets.layout.shape)}`,
    );
  }
  let start = 0;
  return lengths.target.map((n, i) => {
    const from = targets.ndim === 2 ? i * width : start;
    start += n;
    return all.slice(from, from + n);
  });
}

/**
 * The loss of each sample by operations with gradients, one step for each time: for what records, and for second derivatives.
 */
function sequenceLosses(x: Tensor, samples: CtcSamples, otherwise: number): Tensor {
  const { lengths, labels } = samples;
  const states = statesOf(samples, x);
  const { count, noSkip, later } = states;
  const steps = lengths.input.reduce((n, m) => Math.max(n, m), 0);
  const never = x.detach().newZeros([labels.length, 2]).add(NEVER);
  const { emitted } = emittedOf(x, states);
  let alpha: Tensor = never.select(1, 0).unsqueeze(1).expand([labels.length, count]);
  for (let t = 0; t < steps; t++) {
    if (t === 0) {
      alpha = emitted.select(0, 0).maskedFill(later, NEVER);
      continue;
    }
    const before = cat([never, alpha] as Tensor[], 1); // two impossible states, then all
    const skip = before.narrow(1, 0, count).maskedFill(noSkip, NEVER);
    const next = logSum(alpha, before.narrow(1, 1, count), skip).add(emitted.select(0, t));
    const done = lengths.input.map((n) => t >= n);
    alpha = done.includes(true) ? where(flags(done, [labels.length, 1], x), alpha, next) : next;
  }
  const likelihood = likelihoodOf(alpha, samples);
  const impossible = likelihood.detach().lt(NEVER / 2);
  const losses = likelihood.neg().add(normaliser(x, lengths.input));
  return losses.maskedFill(impossible, otherwise);
}

/** 0, whose gradient is the probabilities: what a logSoftmax before the loss takes away again. */
function normaliser(x: Tensor, lengths: readonly number[]): Tensor {
  const [steps, samples] = x.layout.shape as [number, number];
  const within = flags(
    Array.from({ length: steps * samples }, (_, i) => Math.floor(i / samples) >= lengths[i % samples]!),
    [steps, samples],
    x,
  );
  const mass = x.exp().sum(2).maskedFill(within, 0).sum(0);
  return mass.sub(mass.detach());
}
