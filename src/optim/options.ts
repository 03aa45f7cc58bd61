/** How optimizers take their arguments: parameters and hyperparameters in PyTorch's order or by name, ranges checked by one table. */
import { BOOL, ITERABLE, isRecord, kind, orNull, requireKind, type Kind, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature, type Signature } from '../base/signature.ts';

/** Ways in which PyTorch computes the same numbers; they are kept for the saved state, and mean nothing here. */
export interface WayOptions {
  /** One kernel for many parameters in PyTorch. Here updates always run so in compiled functions. */
  foreach?: boolean | null;
  /** As `foreach`. */
  fused?: boolean | null;
  /** Only false: there are no CUDA graphs to be captured into. */
  capturable?: false;
  /** Only false: steps are not recorded for gradients. */
  differentiable?: false;
}

const CAPTURABLE = kind('false (there are no CUDA graphs to capture steps into)', (value) => value === false);
const DIFFERENTIABLE = kind('false (steps are not recorded for gradients)', (value) => value === false);
const WAYS: OptionKinds<WayOptions> = {
  foreach: orNull(BOOL),
  fused: orNull(BOOL),
  capturable: CAPTURABLE,
  differentiable: DIFFERENTIABLE,
};

/** The kinds of some of the ways, in the order of an optimizer's signature. */
export const wayKinds = (...names: readonly (keyof WayOptions)[]): Record<string, Kind> =>
  Object.fromEntries(names.map((name) => [name, WAYS[name]]));

const isWay = (name: string): name is keyof WayOptions => name in WAYS;

/** What optimizers look at themselves, so that it can say what is missing: anything but an object of arguments by name. */
export const PARAMS = kind('parameters', (value) => !isRecord(value) || ITERABLE.accepts(value));

export type OptimizerSignature = Signature<Record<string, unknown>>;

/**
 * An optimizer's signature.
 * @param kinds of what follows the parameters, in PyTorch's order, with those of {@link wayKinds} in their places
 * @param positional how many of these have a position
 */
export function optimizerSignature(
  name: string,
  kinds: Readonly<Record<string, Kind>>,
  positional: number,
  example = '',
): OptimizerSignature {
  // prettier-ignore
  return signature<Record<string, unknown>>(name, { params: PARAMS, ...kinds }, {
    positional: positional + 1,
    example: example === '' ? `new optim.${name}(model.parameters(), { lr: 0.001 })` : example,
  }); // prettier-ignore
}

/** What an optimizer was given: parameters, hyperparameters, ways. @throws ArgumentError */
export function readOptimizer<H, O>(of: OptimizerSignature, args: readonly unknown[]): { params: H; given: O; ways: WayOptions } {
  const { params, ...all } = readCall(of, args);
  const entries = Object.entries(all);
  const ways = Object.fromEntries(entries.filter(([name]) => isWay(name))) as WayOptions;
  if (ways.foreach === true && ways.fused === true)
    throw new ArgumentError(`${of.op}: foreach and fused cannot both be true; leave one out`);
  return { params: params as H, given: Object.fromEntries(entries.filter(([name]) => !isWay(name))) as O, ways };
}

/** Throws unless a group's hyperparameters are what the signature's kinds say. */
export function checkGroup(of: OptimizerSignature, group: object): void {
  const values = group as Readonly<Record<string, unknown>>;
  for (const name in of.kinds) if (name !== 'params' && !isWay(name)) requireKind(of.op, name, values[name], of.kinds[name]!);
}

const isFinite = (value: unknown): value is number => Number.isFinite(value);
export const AT_LEAST_0 = kind('a finite number ≥ 0', (value) => isFinite(value) && value >= 0);
export const AT_LEAST_1 = kind('a finite number ≥ 1', (value) => isFinite(value) && value >= 1);
export const AT_MOST_0 = kind('a finite number ≤ 0', (value) => isFinite(value) && value <= 0);
const isBeta = (value: unknown): boolean => isFinite(value) && value >= 0 && value < 1;
export const BETAS = kind('two numbers in [0, 1)', (value) => Array.isArray(value) && value.length === 2 && value.every(isBeta));
