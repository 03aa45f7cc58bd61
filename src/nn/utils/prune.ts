/**
 * Pruning (PyTorch: `torch.nn.utils.prune`): a parameter becomes `weight_orig`, a buffer `weight_mask` says what of it is left, and the weight is
 * their product before every forward.
 */
import { arrayOf, either, kind, oneOf, orNull, requireKind, WHOLE, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { readCall, signature, type Signature } from '../../base/signature.ts';
import { TENSOR } from '../../tensor/arguments.ts';
import { onesLike } from '../../tensor/create.ts';
import { cat } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ModuleBase } from '../module-base.ts';
import { compute, computingHooks, fieldOf, MODULE, NAME, parameterAt, setComputed, stopComputing, takeOut, type Computing } from './computed.ts'; // prettier-ignore
import { customMethod, identityMethod, l1Method, lnStructuredMethod, randomMethod, randomStructuredMethod, type NormOrder, type PruningMethod } from './prune-masks.ts'; // prettier-ignore
import '../../tensor/families/picking.ts';
import '../../tensor/families/scatter.ts';

/** Marks the hook. */
class Pruned {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const hookOf = (module: ModuleBase, name: string): Computing | undefined =>
  computingHooks(module).find(({ of }) => of instanceof Pruned && of.name === name);

function recompute(module: ModuleBase, name: string): void {
  const [mask, original] = ['mask', 'orig'].map((part) => fieldOf(module, `${name}_${part}`) as Tensor) as [Tensor, Tensor]; // prettier-ignore
  setComputed(module, name, mask.to(original.dtype).mul(original));
}

/** Prunes by a method, on top of what is pruned already. */
function apply(
  op: string,
  module: ModuleBase,
  name: string,
  method: PruningMethod,
  scores?: Tensor | null,
): ModuleBase {
  // prettier-ignore
  const pruned = hookOf(module, name) !== undefined;
  const original = pruned ? (fieldOf(module, `${name}_orig`) as Tensor) : parameterAt(op, module, name);
  if (scores !== undefined && scores !== null && !sameDims(scores.layout.shape, original.layout.shape)) throw new ShapeError(`${op}: expected importanceScores of the shape ${showShape(original.layout.shape)}, but got ${showShape(scores.layout.shape)}`); // prettier-ignore
  const mask = withGradMode(false, () => {
    const now: Tensor = pruned ? (fieldOf(module, `${name}_mask`) as Tensor) : onesLike(original.detach());
    const looked = (scores ?? (pruned ? now.to(original.dtype).mul(original) : original)).detach();
    return pruned ? onTop(method, looked, now) : method.mask(looked, now);
  });
  if (!pruned) {
    takeOut(module, name);
    module.registerParameter(`${name}_orig`, original as never);
  }
  module.registerBuffer(`${name}_mask`, mask);
  if (!pruned) compute(module, new Pruned(name), (of) => recompute(of, name));
  recompute(module, name);
  return module;
}

/** The mask of a method that sees only what is left: single elements, or the channels that are not gone. */
function onTop(method: PruningMethod, t: Tensor, mask: Tensor): Tensor {
  if (method.type === 'global') return method.mask(t, mask);
  if (method.type === 'unstructured') {
    const left = mask.eq(1).reshape(-1) as Tensor;
    const places = left.nonzero().reshape(-1) as Tensor;
    const [values, kept] = [t, mask].map((x) => x.reshape(-1).gather(0, places)) as [Tensor, Tensor];
    return (mask.reshape(-1) as Tensor).scatter(0, places, method.mask(values, kept)).reshape(...mask.shape);
  }
  const dim = method.dim! < 0 ? method.dim! + t.ndim : method.dim!;
  const others = t.layout.shape.map((_, i) => i).filter((i) => i !== dim);
  const places = mask.sum(others).ne(0).nonzero().reshape(-1) as Tensor;
  const partial = method.mask(t.indexSelect(dim, places), mask.indexSelect(dim, places));
  return mask.indexCopy(dim, places, partial);
}

const AMOUNT = kind('a whole number, or a part between 0 and 1', (value) => typeof value === 'number' && value >= 0 && (Number.isInteger(value) || value <= 1)); // prettier-ignore
const BASE = { module: MODULE, name: NAME };

interface Of<M = ModuleBase> {
  module: M;
  name: string;
}
interface Amount {
  /** A whole number of elements or channels, or a part of them between 0 and 1 (1 is one of them: JavaScript's 1.0 is whole, too). */
  amount: number;
}
interface Scores {
  importanceScores?: Tensor | null;
}
function pruneSignature<O>(op: string, kinds: OptionKinds<O>, required: number): Signature<Of & O> {
  const all = { ...BASE, ...kinds } as unknown as OptionKinds<Of & O>;
  return signature<Of & O>(op, all, { required: required + 2, example: `nn.utils.prune.${op}(layer, 'weight'${required > 0 ? ', …' : ''})` }); // prettier-ignore
}

const IDENTITY = pruneSignature<object>('identity', {}, 0);
const RANDOM = pruneSignature<Amount>('randomUnstructured', { amount: AMOUNT }, 1);
const L1 = pruneSignature<Amount & Scores>('l1Unstructured', { amount: AMOUNT, importanceScores: orNull(TENSOR) }, 1);
const RANDOM_STRUCTURED = pruneSignature<Amount & { dim: number }>('randomStructured', { amount: AMOUNT, dim: WHOLE }, 2); // prettier-ignore
const ORDER = either(kind('a number', (value) => typeof value === 'number' && !Number.isNaN(value)), oneOf('fro', 'nuc')); // prettier-ignore
const LN = pruneSignature<Amount & { n: NormOrder; dim: number } & Scores>('lnStructured', { amount: AMOUNT, n: ORDER, dim: WHOLE, importanceScores: orNull(TENSOR) }, 3); // prettier-ignore
const CUSTOM = pruneSignature<{ mask: Tensor }>('customFromMask', { mask: TENSOR }, 1);
const REMOVE = pruneSignature<object>('remove', {}, 0);

/** Prunes nothing, but has a parameter pruned as the others do (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.identity.html). */
export function identity<M extends ModuleBase>(module: M | Of<M>, name?: string | { name: string }): M;
export function identity(...args: readonly unknown[]): ModuleBase {
  const { module, name } = readCall(IDENTITY, args);
  return apply('identity', module, name, identityMethod());
}

/**
 * Prunes elements at random, the same ones as PyTorch from the same seed
 * (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.random_unstructured.html).
 * @throws ArgumentError for more than there are
 */
export function randomUnstructured<M extends ModuleBase>(
  module: M | (Of<M> & Amount),
  name?: string | ({ name: string } & Amount),
  amount?: number | Amount,
): M;
export function randomUnstructured(...args: readonly unknown[]): ModuleBase {
  const { module, name, amount } = readCall(RANDOM, args);
  return apply('randomUnstructured', module, name, randomMethod('randomUnstructured', amount));
}

/**
 * Prunes the elements with the smallest values, or the smallest scores
 * (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.l1_unstructured.html).
 * @throws ArgumentError for more than there are
 * @example
 * import { nn } from 'flambeau';
 * const layer = nn.utils.prune.l1Unstructured(new nn.Linear(4, 2), 'weight', 0.25);
 * console.log([...layer.stateDict().keys()].join(), layer.weight.eq(0).sum().item()); // bias,weight_orig,weight_mask 2
 */
export function l1Unstructured<M extends ModuleBase>(
  module: M | (Of<M> & Amount & Scores),
  name?: string | ({ name: string } & Amount & Scores),
  amount?: number | (Amount & Scores),
  importanceScores?: Tensor | null | Scores,
): M;
export function l1Unstructured(...args: readonly unknown[]): ModuleBase {
  const { module, name, amount, importanceScores } = readCall(L1, args);
  return apply('l1Unstructured', module, name, l1Method('l1Unstructured', amount), importanceScores);
}

/** Prunes channels at random (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.random_structured.html). */
export function randomStructured<M extends ModuleBase>(
  module: M | (Of<M> & Amount & { dim: number }),
  name?: string | ({ name: string; dim: number } & Amount),
  amount?: number | (Amount & { dim: number }),
  dim?: number | { dim: number },
): M;
export function randomStructured(...args: readonly unknown[]): ModuleBase {
  const { module, name, amount, dim } = readCall(RANDOM_STRUCTURED, args);
  return apply('randomStructured', module, name, randomStructuredMethod('randomStructured', amount, dim));
}

/** Prunes the channels with the smallest norms (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.ln_structured.html). */
export function lnStructured<M extends ModuleBase>(
  module: M | (Of<M> & Amount & Scores & { n: NormOrder; dim: number }),
  name?: string | ({ name: string; n: NormOrder; dim: number } & Amount & Scores),
  amount?: number | (Amount & Scores & { n: NormOrder; dim: number }),
  n?: NormOrder | (Scores & { n: NormOrder; dim: number }),
  dim?: number | (Scores & { dim: number }),
  importanceScores?: Tensor | null | Scores,
): M;
export function lnStructured(...args: readonly unknown[]): ModuleBase {
  const { module, name, amount, n, dim, importanceScores } = readCall(LN, args);
  return apply('lnStructured', module, name, lnStructuredMethod('lnStructured', amount, n, dim), importanceScores);
}

/** Prunes by a mask of ones and zeros (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.custom_from_mask.html). */
export function customFromMask<M extends ModuleBase>(
  module: M | (Of<M> & { mask: Tensor }),
  name?: string | { name: string; mask: Tensor },
  mask?: Tensor | { mask: Tensor },
): M;
export function customFromMask(...args: readonly unknown[]): ModuleBase {
  const { module, name, mask } = readCall(CUSTOM, args);
  return apply('customFromMask', module, name, customMethod('customFromMask', mask));
}

/**
 * Makes a pruned parameter a plain one, with zeros where it was pruned (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.remove.html).
 * @throws ArgumentError where it is not pruned
 */
export function remove<M extends ModuleBase>(module: M | Of<M>, name?: string | { name: string }): M;
export function remove(...args: readonly unknown[]): ModuleBase {
  const { module, name } = readCall(REMOVE, args);
  const hook = hookOf(module, name);
  if (hook === undefined) throw new ArgumentError(`remove: '${name}' of ${module.typeName()} is not pruned`);
  const original = fieldOf(module, `${name}_orig`) as Tensor;
  const mask = fieldOf(module, `${name}_mask`) as Tensor;
  withGradMode(false, () => void original.detach().copy_(mask.to(original.dtype).mul(original.detach())));
  for (const taken of ['', '_orig', '_mask']) takeOut(module, name + taken);
  stopComputing(module, hook);
  module.registerParameter(name, original as never);
  return module;
}

/** Whether anything in a module is pruned (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.is_pruned.html). */
export function isPruned(module: ModuleBase): boolean {
  requireKind('isPruned', 'the module', module, MODULE);
  return [...module.modules()].some((one) => computingHooks(one).some(({ of }) => of instanceof Pruned));
}

/** Ways to prune that {@link globalUnstructured} takes. */
export const L1Unstructured = 'L1Unstructured';
export const RandomUnstructured = 'RandomUnstructured';
type GlobalMethod = typeof L1Unstructured | typeof RandomUnstructured;
type Places = Iterable<readonly [ModuleBase, string]>;

interface GlobalCall extends Amount {
  parameters: Places;
  pruningMethod: GlobalMethod;
  importanceScores?: ReadonlyMap<ModuleBase, Readonly<Record<string, Tensor>>> | null;
}
const PAIRS = arrayOf(kind('a pair', (value) => Array.isArray(value) && value.length === 2 && value[0] instanceof ModuleBase && typeof value[1] === 'string'), "pairs such as [model.fc, 'weight']"); // prettier-ignore
const GLOBAL = signature<GlobalCall>(
  'globalUnstructured',
  { parameters: PAIRS, pruningMethod: oneOf(L1Unstructured, RandomUnstructured), amount: AMOUNT, importanceScores: orNull(kind('a Map of scores by name for each module', (value) => value instanceof Map)) },
  { required: 3, positional: 2, example: "globalUnstructured([[a, 'weight'], [b, 'weight']], prune.L1Unstructured, { amount: 0.2 })" },
); // prettier-ignore

/**
 * Prunes several parameters together, as if they were one (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.global_unstructured.html).
 * @param pruningMethod `prune.L1Unstructured` or `prune.RandomUnstructured`
 * @param options `amount`, and `importanceScores` by module and name
 */
export function globalUnstructured(
  parameters: readonly (readonly [ModuleBase, string])[] | GlobalCall,
  pruningMethod?: GlobalMethod | Omit<GlobalCall, 'parameters'>,
  options?: Omit<GlobalCall, 'parameters' | 'pruningMethod'>,
): void;
export function globalUnstructured(...args: readonly unknown[]): void {
  const { parameters, pruningMethod, amount, importanceScores } = readCall(GLOBAL, args);
  const op = 'globalUnstructured';
  const places = [...parameters];
  const method = pruningMethod === L1Unstructured ? l1Method(op, amount) : randomMethod(op, amount);
  withGradMode(false, () => {
    const values = places.map(([module, name]) => valueAt(op, module, name));
    const scores = places.map(([module, name], i) => importanceScores?.get(module)?.[name] ?? values[i]!);
    const masks = places.map(([module, name], i) => (hookOf(module, name) === undefined ? onesLike(values[i]!) : (fieldOf(module, `${name}_mask`) as Tensor))); // prettier-ignore
    const [all, mask] = [scores, masks].map((list) => cat(list.map((x) => x.detach().reshape(-1)))) as [Tensor, Tensor]; // prettier-ignore
    const found = onTop(method, all, mask);
    let at = 0;
    for (const [i, [module, name]] of places.entries()) {
      const { numel, shape } = values[i]!.layout;
      apply(op, module, name, customMethod(op, found.narrow(0, at, numel).reshape(...shape)));
      at += numel;
    }
  });
}

function valueAt(op: string, module: ModuleBase, name: string): Tensor {
  const value = fieldOf(module, name);
  return isTensor(value) ? value : parameterAt(op, module, name);
}
