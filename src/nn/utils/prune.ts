/**
 * Pruning (PyTorch: `torch.nn.utils.prune`): a parameter becomes `weight_orig`, a buffer `weight_mask` says what of it is left, and the weight is
 * their product before every forward.
 */
import { arrayOf, kind, orNull, requireKind, WHOLE, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { readCall, signature, type Signature } from '../../base/signature.ts';
import { TENSOR } from '../../tensor/arguments.ts';
import { onesLike } from '../../tensor/create.ts';
import { cat } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ModuleBase } from '../module-base.ts';
import { fieldOf, MODULE, NAME, parameterAt } from './computed.ts';
import type { NormOrder } from './prune-masks.ts';
import { AMOUNT, applyMethod, BasePruningMethod, CustomFromMask, PruningIdentity, L1Unstructured, LnStructured, methodOf, ORDER, prunes, PruningContainer, RandomStructured, RandomUnstructured, type Amount } from './prune-methods.ts'; // prettier-ignore

export { BasePruningMethod, CustomFromMask, PruningIdentity as Identity, L1Unstructured, LnStructured, PruningContainer, RandomStructured, RandomUnstructured } from './prune-methods.ts'; // prettier-ignore

const BASE = { module: MODULE, name: NAME };

interface Of<M = ModuleBase> {
  module: M;
  name: string;
}
interface Scores {
  importanceScores?: Tensor | null;
}
function pruneSignature<O>(op: string, kinds: OptionKinds<O>, required: number): Signature<Of & O> {
  const all = { ...BASE, ...kinds } as unknown as OptionKinds<Of & O>;
  return signature<Of & O>(op, all, {
    required: required + 2,
    example: `nn.utils.prune.${op}(layer, 'weight'${required > 0 ? ', …' : ''})`,
  });
}

const IDENTITY = pruneSignature<object>('identity', {}, 0);
const RANDOM = pruneSignature<Amount>('randomUnstructured', { amount: AMOUNT }, 1);
const L1 = pruneSignature<Amount & Scores>('l1Unstructured', { amount: AMOUNT, importanceScores: orNull(TENSOR) }, 1);
const RANDOM_STRUCTURED = pruneSignature<Amount & { dim: number }>('randomStructured', { amount: AMOUNT, dim: WHOLE }, 2);
const LN = pruneSignature<Amount & { n: NormOrder; dim: number } & Scores>(
  'lnStructured',
  { amount: AMOUNT, n: ORDER, dim: WHOLE, importanceScores: orNull(TENSOR) },
  3,
);
const CUSTOM = pruneSignature<{ mask: Tensor }>('customFromMask', { mask: TENSOR }, 1);
const REMOVE = pruneSignature<object>('remove', {}, 0);

/** Prunes nothing, but has a parameter pruned as the others do (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.identity.html). */
export function identity<M extends ModuleBase>(module: M | Of<M>, name?: string | { name: string }): M;
export function identity(...args: readonly unknown[]): ModuleBase {
  const { module, name } = readCall(IDENTITY, args);
  applyMethod(module, name, new PruningIdentity());
  return module;
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
  applyMethod(module, name, new RandomUnstructured(amount));
  return module;
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
  applyMethod(module, name, new L1Unstructured(amount), importanceScores);
  return module;
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
  applyMethod(module, name, new RandomStructured(amount, dim));
  return module;
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
  applyMethod(module, name, new LnStructured(amount, n, dim), importanceScores);
  return module;
}

/** Prunes by a mask of ones and zeros (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.custom_from_mask.html). */
export function customFromMask<M extends ModuleBase>(
  module: M | (Of<M> & { mask: Tensor }),
  name?: string | { name: string; mask: Tensor },
  mask?: Tensor | { mask: Tensor },
): M;
export function customFromMask(...args: readonly unknown[]): ModuleBase {
  const { module, name, mask } = readCall(CUSTOM, args);
  applyMethod(module, name, new CustomFromMask(mask));
  return module;
}

/**
 * Makes a pruned parameter a plain one, with zeros where it was pruned (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.remove.html).
 * @throws ArgumentError where it is not pruned
 */
export function remove<M extends ModuleBase>(module: M | Of<M>, name?: string | { name: string }): M;
export function remove(...args: readonly unknown[]): ModuleBase {
  const { module, name } = readCall(REMOVE, args);
  const method = methodOf(module, name);
  if (method === undefined) throw new ArgumentError(`remove: '${name}' of ${module.typeName()} is not pruned`);
  method.remove(module);
  return module;
}

/** Whether anything in a module is pruned (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.is_pruned.html). */
export function isPruned(module: ModuleBase): boolean {
  requireKind('isPruned', 'the module', module, MODULE);
  return [...module.modules()].some(prunes);
}

/** A way to prune single elements, which takes an amount. */
type GlobalMethod = new (call: Amount) => BasePruningMethod;
type Places = Iterable<readonly [ModuleBase, string]>;

interface GlobalCall extends Amount {
  parameters: Places;
  pruningMethod: GlobalMethod;
  importanceScores?: ReadonlyMap<ModuleBase, Readonly<Record<string, Tensor>>> | null;
}
const PAIRS = arrayOf(
  kind('a pair', (value) => Array.isArray(value) && value.length === 2 && value[0] instanceof ModuleBase && typeof value[1] === 'string'),
  "pairs such as [model.fc, 'weight']",
);
const METHOD = kind(
  'a class of pruning methods, such as prune.L1Unstructured',
  (value) => typeof value === 'function' && value.prototype instanceof BasePruningMethod,
);
const GLOBAL = signature<GlobalCall>(
  'globalUnstructured',
  { parameters: PAIRS, pruningMethod: METHOD, amount: AMOUNT, importanceScores: orNull(kind('a Map of scores by name for each module', (value) => value instanceof Map)) },
  { required: 3, positional: 2, example: "globalUnstructured([[a, 'weight'], [b, 'weight']], prune.L1Unstructured, { amount: 0.2 })" },
); // prettier-ignore

/**
 * Prunes several parameters together, as if they were one (https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.global_unstructured.html).
 * @param pruningMethod `prune.L1Unstructured`, `prune.RandomUnstructured` or another class of unstructured methods, which is given `{ amount }`
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
  const method = new pruningMethod({ amount });
  if (method.pruningType !== 'unstructured')
    throw new ArgumentError(`${op}: expected a method that is unstructured, but got ${pruningMethod.name}, which is ${method.pruningType}`);
  const container = new PruningContainer(method);
  withGradMode(false, () => {
    const values = places.map(([module, name]) => valueAt(op, module, name));
    const scores = places.map(([module, name], i) => importanceScores?.get(module)?.[name] ?? values[i]!);
    const masks = places.map(([module, name], i) =>
      methodOf(module, name) === undefined ? onesLike(values[i]!) : (fieldOf(module, `${name}_mask`) as Tensor),
    );
    const [all, mask] = [scores, masks].map((list) => cat(list.map((x) => x.detach().reshape(-1)))) as [Tensor, Tensor];
    const found = container.computeMask(all, mask);
    let at = 0;
    for (const [i, [module, name]] of places.entries()) {
      const { numel, shape } = values[i]!.layout;
      applyMethod(module, name, new CustomFromMask(found.narrow(0, at, numel).reshape(...shape)));
      at += numel;
    }
  });
}

function valueAt(op: string, module: ModuleBase, name: string): Tensor {
  const value = fieldOf(module, name);
  return isTensor(value) ? value : parameterAt(op, module, name);
}
