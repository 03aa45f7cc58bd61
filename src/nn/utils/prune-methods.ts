/**
 * Ways to prune, as classes (PyTorch: `torch.nn.utils.prune.BasePruningMethod` and those of it): each makes a mask of a tensor. One's own extends
 * {@link BasePruningMethod}.
 */
import { either, kind, oneOf, requireKind, WHOLE } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { requireTensor, TENSOR } from '../../tensor/arguments.ts';
import { onesLike } from '../../tensor/create.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ModuleBase } from '../module-base.ts';
import { compute, computingHooks, fieldOf, MODULE, NAME, parameterAt, setComputed, stopComputing, takeOut, type Computing } from './computed.ts'; // prettier-ignore
import { customMask, l1Mask, normMask, randomChannelsMask, randomMask, type NormOrder, type PruningType } from './prune-masks.ts';
import '../../tensor/families/picking.ts';
import '../../tensor/families/scatter.ts';

const TYPES: readonly unknown[] = ['unstructured', 'structured', 'global'];

/** The hook that computes a pruned tensor; it belongs to the method, or to the container of several. */
const hookOf = (module: ModuleBase, name: string): Computing | undefined =>
  computingHooks(module).find(({ of }) => of instanceof BasePruningMethod && of.tensorName === name);

/** What has pruned a tensor of a module: a method, or a container of several. */
export const methodOf = (module: ModuleBase, name: string): BasePruningMethod | undefined =>
  hookOf(module, name)?.of as BasePruningMethod | undefined;

/** Whether anything of a module itself is pruned. */
export const prunes = (module: ModuleBase): boolean => computingHooks(module).some(({ of }) => of instanceof BasePruningMethod);

/** @throws ShapeError unless scores, where there are any, have a tensor's shape */
function requireScores(op: string, scores: Tensor | null | undefined, { layout: { shape } }: Tensor): void {
  if (scores === undefined || scores === null) return;
  requireTensor(op, 'importanceScores', scores);
  if (!sameDims(scores.layout.shape, shape))
    throw new ShapeError(`${op}: expected importanceScores of the shape ${showShape(shape)}, but got ${showShape(scores.layout.shape)}`);
}

/** The new mask of a method that sees only what is left: single elements, or the channels that are not gone, or all. */
function combined(method: BasePruningMethod, t: Tensor, mask: Tensor): Tensor {
  if (method.pruningType === 'global') return method.computeMask(t, mask);
  if (method.pruningType === 'unstructured') {
    const left = mask.eq(1).reshape(-1) as Tensor;
    const places = left.nonzero().reshape(-1) as Tensor;
    const [values, kept] = [t, mask].map((x) => x.reshape(-1).gather(0, places)) as [Tensor, Tensor];
    const partial = method.computeMask(values, kept).to(mask.dtype);
    return (mask.reshape(-1) as Tensor).scatter(0, places, partial).reshape(...mask.shape);
  }
  if (method.dim === undefined) throw new ArgumentError(`${nameOf(method)}: a structured method needs a dim; set it`);
  const dim = method.dim < 0 ? method.dim + t.ndim : method.dim;
  const others = t.layout.shape.map((_, i) => i).filter((i) => i !== dim);
  const places = mask.sum(others).ne(0).nonzero().reshape(-1) as Tensor;
  const partial = method.computeMask(t.indexSelect(dim, places), mask.indexSelect(dim, places)).to(mask.dtype);
  return mask.indexCopy(dim, places, partial);
}

const nameOf = (method: BasePruningMethod): string => method.constructor.name;

/** Prunes by a method, on top of what is pruned already, and gives the method or the container that it went into. */
export function applyMethod(module: ModuleBase, name: string, method: BasePruningMethod, scores?: Tensor | null): BasePruningMethod {
  const op = nameOf(method);
  requireKind(op, 'the module', module, MODULE);
  requireKind(op, 'name', name, NAME);
  if (!TYPES.includes(method.pruningType))
    throw new ArgumentError(`${op}: expected pruningType to be 'unstructured', 'structured' or 'global', but got '${method.pruningType}'`);
  const hook = hookOf(module, name);
  const original = hook === undefined ? parameterAt(op, module, name) : (fieldOf(module, `${name}_orig`) as Tensor);
  requireScores(op, scores, original);
  const mask = withGradMode(false, () => {
    const now: Tensor = hook === undefined ? onesLike(original.detach()) : (fieldOf(module, `${name}_mask`) as Tensor);
    const looked = (scores ?? (hook === undefined ? original : now.to(original.dtype).mul(original))).detach();
    return hook === undefined ? method.computeMask(looked, now) : combined(method, looked, now);
  });
  method.tensorName = name;
  const before = hook?.of as BasePruningMethod | undefined;
  const container = before instanceof PruningContainer || before === undefined ? before : new PruningContainer(before);
  container?.addPruningMethod(method);
  if (hook === undefined) {
    takeOut(module, name);
    module.registerParameter(`${name}_orig`, original as never);
  } else stopComputing(module, hook);
  module.registerBuffer(`${name}_mask`, mask);
  const of = container ?? method;
  compute(module, of, (one) => setComputed(one, name, of.applyMask(one)));
  setComputed(module, name, of.applyMask(module));
  return of;
}

/**
 * A way to prune: what extends it says what its masks are. `MyMethod.apply(module, 'weight', …)` prunes a parameter, with what its constructor takes
 * after the name, and with scores in an object at the end.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.prune.BasePruningMethod.html
 * @example
 * import { arange, nn, type Tensor } from 'flambeau';
 * class EveryOther extends nn.utils.prune.BasePruningMethod {
 *   readonly pruningType = 'unstructured';
 *   computeMask(t: Tensor, mask: Tensor): Tensor {
 *     return mask.mul(arange(t.numel()).remainder(2).reshape(t.shape));
 *   }
 * }
 * const layer = new nn.Linear(4, 2);
 * EveryOther.apply(layer, 'weight');
 * console.log(layer.getBuffer('weight_mask').tolist()); // [ [ 0, 1, 0, 1 ], [ 0, 1, 0, 1 ] ]
 */
export abstract class BasePruningMethod {
  /** What the method sees of a tensor that is pruned already: the elements that are left, the channels that are, or all. */
  abstract readonly pruningType: PruningType;
  /** The dimension of channels, of structured methods. */
  readonly dim?: number;
  /** The name of the parameter that is pruned; undefined before that. */
  tensorName: string | undefined;

  /** A mask of ones and zeros on top of `defaultMask`, for a tensor of values or scores; all have one shape. */
  abstract computeMask(t: Tensor, defaultMask: Tensor): Tensor;

  /** The pruned tensor: the original times the mask. */
  applyMask(module: ModuleBase): Tensor {
    const name = this.requireName(module);
    const [mask, original] = ['mask', 'orig'].map((part) => fieldOf(module, `${name}_${part}`) as Tensor) as [Tensor, Tensor];
    return mask.to(original.dtype).mul(original);
  }

  /**
   * A tensor without what the method would prune of it; nothing is changed.
   * @throws ShapeError for scores of another shape
   */
  prune(t: Tensor, defaultMask?: Tensor | null, importanceScores?: Tensor | null): Tensor {
    requireTensor(nameOf(this), 'the tensor', t);
    requireScores(nameOf(this), importanceScores, t);
    const mask = withGradMode(false, () => this.computeMask((importanceScores ?? t).detach(), defaultMask ?? onesLike(t.detach())));
    return t.mul(mask);
  }

  /** Makes the pruned parameter of a module a plain one, with zeros where it was pruned. @throws ArgumentError where it is not pruned */
  remove(module: ModuleBase): void {
    const name = this.requireName(module);
    const original = fieldOf(module, `${name}_orig`) as Tensor;
    withGradMode(false, () => void original.detach().copy_(this.applyMask(module).detach()));
    for (const taken of ['', '_orig', '_mask']) takeOut(module, name + taken);
    const hook = hookOf(module, name);
    if (hook !== undefined) stopComputing(module, hook);
    module.registerParameter(name, original as never);
  }

  /** Prunes a parameter by a method of this class, on top of what is pruned already; gives the method, or the container of several. */
  static apply(module: ModuleBase, name: string, ...args: readonly unknown[]): BasePruningMethod {
    const Method = this as unknown as new (...args: readonly unknown[]) => BasePruningMethod;
    if (typeof (this.prototype as Partial<BasePruningMethod>).computeMask !== 'function')
      throw new ArgumentError(`${this.name}.apply: expected a class with computeMask; write class MyMethod extends BasePruningMethod`);
    const last = args.at(-1);
    if (!hasScores(last)) return applyMethod(module, name, new Method(...args));
    const { importanceScores, ...rest } = last;
    const own = [...args.slice(0, -1), ...(Object.keys(rest).length === 0 ? [] : [rest])];
    return applyMethod(module, name, new Method(...own), importanceScores);
  }

  private requireName(module: ModuleBase): string {
    requireKind(nameOf(this), 'the module', module, MODULE);
    const name = this.tensorName;
    if (name === undefined || hookOf(module, name) === undefined)
      throw new ArgumentError(
        `${nameOf(this)}: ${name === undefined ? 'nothing' : `'${name}'`} of ${module.typeName()} is not pruned; apply the method first`,
      );
    return name;
  }
}

const hasScores = (value: unknown): value is { importanceScores?: Tensor | null } =>
  typeof value === 'object' && value !== null && 'importanceScores' in value;

/** Methods that have pruned one parameter, in turn. The last one makes the mask, of what those before it have left. */
export class PruningContainer extends BasePruningMethod implements Iterable<BasePruningMethod> {
  readonly pruningType = 'global';
  private readonly _methods: BasePruningMethod[] = [];

  /** @throws ArgumentError for methods of different parameters */
  constructor(...methods: readonly BasePruningMethod[]) {
    super();
    this.tensorName = methods[0]?.tensorName;
    for (const method of methods) this.addPruningMethod(method);
  }

  /** @throws ArgumentError for what is no method, or one of another parameter */
  addPruningMethod(method: BasePruningMethod): void {
    if (!(method instanceof BasePruningMethod))
      throw new ArgumentError('PruningContainer: expected a pruning method, such as new prune.L1Unstructured(2)');
    if (method.tensorName !== this.tensorName)
      throw new ArgumentError(
        `PruningContainer: expected a method of '${String(this.tensorName)}', but got one of '${String(method.tensorName)}'`,
      );
    this._methods.push(method);
  }

  get length(): number {
    return this._methods.length;
  }

  /** The method at a place, counted from the end where it is negative. */
  at(place: number): BasePruningMethod | undefined {
    return this._methods.at(place);
  }

  [Symbol.iterator](): Iterator<BasePruningMethod> {
    return this._methods[Symbol.iterator]();
  }

  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const last = this._methods.at(-1);
    if (last === undefined) throw new ArgumentError('PruningContainer: there is no method in it; add one first');
    return combined(last, t, defaultMask);
  }
}

export const AMOUNT = kind(
  'a whole number, or a part between 0 and 1',
  (value) => typeof value === 'number' && value >= 0 && (Number.isInteger(value) || value <= 1),
);
export const ORDER = either(
  kind('a number', (value) => typeof value === 'number' && !Number.isNaN(value)),
  oneOf('fro', 'nuc'),
);

export interface Amount {
  /** A whole number of elements or channels, or a part of them between 0 and 1 (1 is one of them: JavaScript's 1.0 is whole, too). */
  readonly amount: number;
}
interface Channels extends Amount {
  readonly dim?: number;
}
interface Norms extends Channels {
  readonly n: NormOrder;
}
const method = <O>(name: string, kinds: Parameters<typeof signature<O>>[1], required: number) =>
  signature<O>(name, kinds, { required, example: `new prune.${name}(${required > 0 ? '…' : ''})` });
const L1 = method<Amount>('L1Unstructured', { amount: AMOUNT }, 1);
const RANDOM = method<Amount>('RandomUnstructured', { amount: AMOUNT }, 1);
const RANDOM_CHANNELS = method<Channels>('RandomStructured', { amount: AMOUNT, dim: WHOLE }, 1);
const LN = method<Norms>('LnStructured', { amount: AMOUNT, n: ORDER, dim: WHOLE }, 2);
const CUSTOM = method<{ readonly mask: Tensor }>('CustomFromMask', { mask: TENSOR }, 1);

/** Prunes nothing. */
export class PruningIdentity extends BasePruningMethod {
  static override readonly name: string = 'Identity';
  readonly pruningType = 'unstructured';
  override computeMask(_t: Tensor, defaultMask: Tensor): Tensor {
    return defaultMask;
  }
}

/** Prunes elements at random. */
export class RandomUnstructured extends BasePruningMethod {
  readonly pruningType = 'unstructured';
  readonly amount: number;
  constructor(amount: number | Amount);
  constructor(...args: readonly unknown[]) {
    super();
    this.amount = readCall(RANDOM, args).amount;
  }
  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    return randomMask(RANDOM.op, this.amount, t, defaultMask);
  }
}

/** Prunes the elements with the smallest values. */
export class L1Unstructured extends BasePruningMethod {
  readonly pruningType = 'unstructured';
  readonly amount: number;
  constructor(amount: number | Amount);
  constructor(...args: readonly unknown[]) {
    super();
    this.amount = readCall(L1, args).amount;
  }
  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    return l1Mask(L1.op, this.amount, t, defaultMask);
  }
}

/** Prunes channels at random; `dim` is -1 where it is left out. */
export class RandomStructured extends BasePruningMethod {
  readonly pruningType = 'structured';
  readonly amount: number;
  override readonly dim: number;
  constructor(amount: number | Channels, dim?: number | Pick<Channels, 'dim'>);
  constructor(...args: readonly unknown[]) {
    super();
    const { amount, dim = -1 } = readCall(RANDOM_CHANNELS, args);
    this.amount = amount;
    this.dim = dim;
  }
  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    return randomChannelsMask(RANDOM_CHANNELS.op, this.amount, this.dim, t, defaultMask);
  }
}

/** Prunes the channels with the smallest norms of order `n`; `dim` is -1 where it is left out. */
export class LnStructured extends BasePruningMethod {
  readonly pruningType = 'structured';
  readonly amount: number;
  readonly n: NormOrder;
  override readonly dim: number;
  constructor(amount: number | Norms, n?: NormOrder | Omit<Norms, 'amount'>, dim?: number | Pick<Norms, 'dim'>);
  constructor(...args: readonly unknown[]) {
    super();
    const { amount, n, dim = -1 } = readCall(LN, args);
    this.amount = amount;
    this.n = n;
    this.dim = dim;
  }
  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    return normMask(LN.op, this.amount, this.n, this.dim, t, defaultMask);
  }
}

/** Prunes by a mask of ones and zeros. */
export class CustomFromMask extends BasePruningMethod {
  readonly pruningType = 'global';
  readonly mask: Tensor;
  constructor(mask: Tensor | { readonly mask: Tensor });
  constructor(...args: readonly unknown[]) {
    super();
    this.mask = readCall(CUSTOM, args).mask;
  }
  override computeMask(_t: Tensor, defaultMask: Tensor): Tensor {
    return customMask(CUSTOM.op, this.mask, defaultMask);
  }
}
