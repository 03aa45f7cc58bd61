/** What starts a backward pass: `Tensor.backward`, `autograd.backward`, `grad`. The pass itself is in `engine.ts`. */
import { BOOL, either, kind, orNull, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, AutogradError, ShapeError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { readCall, signature, type Signature } from '../base/signature.ts';
import { AccumulateGrad, type Edge, type GradNode } from './autograd.ts';
import { Engine } from './engine.ts';
import './families/gradients.ts';
import { ONE_OR_MORE, TENSOR, TENSORS_OR_NONE } from './grad-kinds.ts';
import type { Tensor } from './tensor.ts';

export interface BackwardOptions {
  /** ∂loss/∂this; 1 where it is left out, for a tensor with a single element. */
  readonly gradient?: Tensor | null | undefined;
  /** Keep saved tensors, so that backward can run again. Default: as `createGraph`. */
  readonly retainGraph?: boolean | null | undefined;
  /** Record the backward pass itself, for higher derivatives. */
  readonly createGraph?: boolean | undefined;
  /** The tensors whose `grad` is wanted: no other gets one. Default: all leaves. */
  readonly inputs?: Tensor | readonly Tensor[] | undefined;
}

/** Gradients to start with, one for each output; null for 1. */
type GradOutputs = Tensor | readonly (Tensor | null | undefined)[] | null | undefined;

/** As {@link BackwardOptions}, for several tensors. */
export interface BackwardAllOptions extends Omit<BackwardOptions, 'gradient'> {
  readonly gradTensors?: GradOutputs;
}

export interface GradOptions {
  /** The gradients of the outputs; 1 where an output is a single number. */
  readonly gradOutputs?: GradOutputs;
  /** Keep saved tensors, so that the graph can be gone through again. Default: as `createGraph`. */
  readonly retainGraph?: boolean | null | undefined;
  /** Record the gradients' computation itself, for higher derivatives. */
  readonly createGraph?: boolean | undefined;
  /** Whether inputs that the outputs do not depend on are let pass; their gradient is undefined. Default: as `materializeGrads`. */
  readonly allowUnused?: boolean | null | undefined;
  /** Batches of gradients are not available: only false. */
  readonly isGradsBatched?: false | undefined;
  /** Whether inputs that the outputs do not depend on get a gradient of zeros. */
  readonly materializeGrads?: boolean | undefined;
}

const MAYBE = orNull(BOOL);
const GRADIENTS = orNull(either(TENSOR, TENSORS_OR_NONE));
const NOT_BATCHED = kind('false, since batches of gradients are not available (call grad once for each)', (value) => value === false);

const BACKWARD: Signature<BackwardOptions> = signature<BackwardOptions>('backward', {
  gradient: orNull(TENSOR),
  retainGraph: MAYBE,
  createGraph: BOOL,
  inputs: ONE_OR_MORE,
});
const BACKWARD_ALL = signature<BackwardAllOptions & { tensors: Tensor | readonly Tensor[] }>(
  'autograd.backward',
  { tensors: ONE_OR_MORE, gradTensors: GRADIENTS, retainGraph: MAYBE, createGraph: BOOL, inputs: ONE_OR_MORE },
  { required: 1 },
);
const GRAD_KINDS: OptionKinds<GradOptions & Record<'outputs' | 'inputs', Tensor | readonly Tensor[]>> = {
  outputs: ONE_OR_MORE,
  inputs: ONE_OR_MORE,
  gradOutputs: GRADIENTS,
  retainGraph: MAYBE,
  createGraph: BOOL,
  allowUnused: MAYBE,
  isGradsBatched: NOT_BATCHED,
  materializeGrads: BOOL,
};
const GRAD = signature('grad', GRAD_KINDS, { required: 2, example: 'grad(outputs, inputs, { createGraph: true })' });

const isOne = (value: unknown): value is Tensor => TENSOR.accepts(value);
const listOf = (value: Tensor | readonly Tensor[]): readonly Tensor[] => (isOne(value) ? [value] : value);

/** Checks or makes the gradient that a backward pass starts with. */
function rootGradient(op: string, output: Tensor, gradient: Tensor | null | undefined): { edge: Edge; grad: Tensor } {
  const edge = output.gradEdge();
  if (edge === undefined) {
    throw new AutogradError(
      `${op}: this tensor does not require gradients and nothing that made it does; set requiresGrad on a leaf before ` +
        'computing, and compute outside noGrad()',
    );
  }
  if (gradient !== undefined && gradient !== null) {
    if (!sameDims(gradient.layout.shape, output.layout.shape)) {
      throw new ShapeError(
        `${op}: the gradient has shape ${showShape(gradient.layout.shape)}, but the tensor has ${showShape(output.layout.shape)}; they must be equal`,
      );
    }
    return { edge, grad: gradient };
  }
  if (output.numel() !== 1) {
    throw new AutogradError(
      `${op}: a gradient can be made by itself only for a single number, but this tensor has shape ${showShape(output.layout.shape)}; ` +
        'reduce it first (.sum(), .mean()) or pass the gradient',
    );
  }
  return { edge, grad: output.detach().onesLike() };
}

/** The start of a pass from several tensors. */
function rootsOf(op: string, outputs: readonly Tensor[], given: GradOutputs): { edge: Edge; grad: Tensor }[] {
  const grads = given === undefined || given === null ? [] : isOne(given) ? [given] : given;
  if (grads.length > 0 && grads.length !== outputs.length)
    throw new ArgumentError(`${op}: got ${grads.length} gradients for ${outputs.length} tensors; give one for each, or null`);
  return outputs.map((output, i) => rootGradient(op, output, grads[i]));
}

/** The nodes of the tensors that a pass is to stop at; others that are no leaves keep their gradient. */
function targetsOf(op: string, inputs: Tensor | readonly Tensor[] | undefined): Set<GradNode> | undefined {
  if (inputs === undefined) return undefined;
  const list = listOf(inputs);
  if (list.length === 0) throw new ArgumentError(`${op}: inputs is empty; leave it out for all leaves`);
  return new Set(
    list.map((input, i) => {
      const edge = input.gradEdge();
      if (edge === undefined)
        throw new AutogradError(`${op}: input ${i} does not require gradients; set requiresGrad before computing with it`);
      if (!(edge.node instanceof AccumulateGrad)) input.retainGrad();
      return edge.node;
    }),
  );
}

/** Computes gradients of `output` and adds them to the leaves' `grad`. See `Tensor.backward`. */
export function backward(output: Tensor, args: readonly unknown[]): void {
  const { gradient, retainGraph, createGraph, inputs } = readCall(BACKWARD, args);
  const root = rootGradient('backward', output, gradient);
  new Engine({ retainGraph: retainGraph ?? undefined, createGraph, targets: targetsOf('backward', inputs) }).run([root]);
}

/**
 * Adds the gradients of several tensors to the leaves' `grad` (https://pytorch.org/docs/stable/generated/torch.autograd.backward.html).
 * @param tensors the tensors to begin with
 * @param gradTensors ∂loss/∂tensor for each; null for 1, where a tensor has a single element
 * @throws AutogradError when one does not require gradients, or the graph has been freed
 * @example
 * import { autograd, tensor } from 'flambeau';
 * const x = tensor([1, 2], { requiresGrad: true });
 * autograd.backward([x.sum(), x.mul(x).sum()]);
 * console.log(x.grad?.tolist()); // [ 3, 5 ]
 */
export function backwardAll(
  tensors: Tensor | readonly Tensor[] | (BackwardAllOptions & { readonly tensors: Tensor | readonly Tensor[] }),
  gradTensors?: GradOutputs | BackwardAllOptions,
  retainGraph?: boolean | null | Omit<BackwardAllOptions, 'gradTensors'>,
  createGraph?: boolean | Pick<BackwardAllOptions, 'inputs'>,
  inputs?: Tensor | readonly Tensor[],
): void {
  const op = 'autograd.backward';
  const given = readCall(BACKWARD_ALL, [tensors, gradTensors, retainGraph, createGraph, inputs]);
  const roots = rootsOf(op, listOf(given.tensors), given.gradTensors);
  new Engine({
    retainGraph: given.retainGraph ?? undefined,
    createGraph: given.createGraph,
    targets: targetsOf(op, given.inputs),
  }).run(roots);
}

/** A gradient for each input; of one tensor, a list of one. */
type GradsOf<I, G> = I extends readonly Tensor[] ? { -readonly [K in keyof I]: G } : [G];

/**
 * Gradients of `outputs` with respect to `inputs`, returned instead of accumulated (https://pytorch.org/docs/stable/generated/torch.autograd.grad.html).
 * @returns one gradient for each input; with `allowUnused`, undefined where the input does not take part
 * @throws AutogradError when an input does not require gradients, or takes no part and `allowUnused` is not set
 * @example
 * import { grad, tensor } from 'flambeau';
 * const x = tensor([1, 2], { requiresGrad: true });
 * const [first] = grad(x.pow(3).sum(), [x], { createGraph: true });
 * const [second] = grad(first.sum(), [x]);
 * console.log(first.tolist(), second.tolist()); // [ 3, 12 ] [ 6, 12 ]
 */
export function grad<const I extends Tensor | readonly Tensor[]>(
  outputs: Tensor | readonly Tensor[],
  inputs: I,
  options: GradOptions & { readonly allowUnused: true; readonly materializeGrads?: false },
): GradsOf<I, Tensor | undefined>;
export function grad<const I extends Tensor | readonly Tensor[]>(
  all: GradOptions & {
    readonly outputs: Tensor | readonly Tensor[];
    readonly inputs: I;
    readonly allowUnused: true;
    readonly materializeGrads?: false;
  },
): GradsOf<I, Tensor | undefined>;
export function grad<const I extends Tensor | readonly Tensor[]>(
  all: GradOptions & { readonly outputs: Tensor | readonly Tensor[]; readonly inputs: I },
): GradsOf<I, Tensor>;
export function grad<const I extends Tensor | readonly Tensor[]>(
  outputs: Tensor | readonly Tensor[],
  inputs: I,
  gradOutputs?: GradOutputs | GradOptions,
  retainGraph?: boolean | null | Omit<GradOptions, 'gradOutputs'>,
  createGraph?: boolean | Omit<GradOptions, 'gradOutputs' | 'retainGraph'>,
  allowUnused?: boolean | null | Pick<GradOptions, 'isGradsBatched' | 'materializeGrads'>,
  isGradsBatched?: false | Pick<GradOptions, 'materializeGrads'>,
  materializeGrads?: boolean,
): GradsOf<I, Tensor>;
export function grad(...args: readonly unknown[]): unknown {
  const given = readCall(GRAD, args);
  const { createGraph, materializeGrads = false } = given;
  if (materializeGrads && given.allowUnused === false)
    throw new ArgumentError('grad: with materializeGrads, unused inputs get zeros; leave allowUnused out');
  const inputs = listOf(given.inputs);
  const roots = rootsOf('grad', listOf(given.outputs), given.gradOutputs);
  const captures = new Map<GradNode, Map<number, Tensor | undefined>>();
  const edges = inputs.map((input, i) => {
    const edge = input.gradEdge();
    if (edge === undefined)
      throw new AutogradError(`grad: input ${i} does not require gradients; set requiresGrad before computing with it`);
    const wanted = captures.get(edge.node) ?? new Map<number, Tensor | undefined>();
    captures.set(edge.node, wanted.set(edge.index, undefined));
    return edge;
  });
  new Engine({
    retainGraph: given.retainGraph ?? undefined,
    createGraph,
    captures,
    targets: new Set(captures.keys()),
  }).run(roots);
  return edges.map((edge, i) => {
    const found = captures.get(edge.node)?.get(edge.index);
    if (found !== undefined || given.allowUnused === true) return found ?? (materializeGrads ? zerosOf(inputs[i]!) : undefined);
    if (materializeGrads) return zerosOf(inputs[i]!);
    throw new AutogradError(`grad: the outputs do not depend on input ${i}; pass { allowUnused: true } if that is as it should be`);
  });
}

const zerosOf = (x: Tensor): Tensor => x.newZeros(x.layout.shape);
