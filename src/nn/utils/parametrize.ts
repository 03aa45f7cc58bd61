/**
 * Tensors of modules that are functions of parameters (PyTorch: `torch.nn.utils.parametrize`): the parameters move to
 * `module.parametrizations.weight`, and reading `module.weight` computes.
 */
import { BOOL, FUNCTION, orNull, requireKind } from '../../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import { become } from '../../tensor/tensor-base.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ModuleDict } from '../layers/parameter-containers.ts';
import { ModuleBase } from '../module-base.ts';
import { INTERNALS } from '../module-internals.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { fieldOf, MODULE, NAME, putIn, takeOut, tensorAt } from './computed.ts';

/** A module that computes a tensor of one or several others, and may give others of which it would compute a given one. */
export type Parametrization = ModuleBase & {
  rightInverse?(value: Tensor): Tensor | readonly Tensor[];
};

type Callable = (...inputs: readonly Tensor[]) => unknown;

/** Gives an original other elements; it stays the same object, so that optimizers go on with it. */
function put(original: Tensor, value: Tensor): void {
  if (original === value) return;
  const plain = value.detach();
  if (sameDims(original.layout.shape, plain.layout.shape)) withGradMode(false, () => void original.detach().copy_(plain));
  else become(original, plain.clone());
}

/** The functions of one tensor, one after the other, and the originals: `original`, or `original0`, `original1`, … */
export class ParametrizationList extends Module<() => Tensor> {
  /** The function at a place. */
  [place: number]: Parametrization;
  declare original: Tensor;
  declare original0: Tensor;
  declare original1: Tensor;
  /** How many originals there are; 0 for a single one under the name `original`. */
  readonly count: number;
  /** Whether shapes and dtypes are not looked at. */
  unsafe: boolean;

  /** @internal `registerParametrization` makes it. */
  constructor(op: string, parametrization: Parametrization, tensor: Tensor, unsafe: boolean) {
    super();
    this[INTERNALS].folds = true;
    this.unsafe = unsafe;
    this.addModule('0', parametrization);
    const value = withGradMode(false, () => parametrization.rightInverse?.(tensor) ?? tensor);
    if (isTensor(value)) {
      this.count = 0;
      requireLike(op, 'rightInverse', value, tensor, true);
      put(tensor, value);
      putIn(this, 'original', tensor);
    } else {
      const parts = partsOf(op, value);
      this.count = parts.length;
      parts.forEach((part, i) =>
        putIn(this, `original${i}`, tensor instanceof Parameter ? new Parameter(part.detach(), tensor.requiresGrad) : part),
      );
    }
    if (!unsafe) requireLike(op, 'the parametrization', this.forward(), tensor);
  }

  /** The originals in order. */
  originals(): Tensor[] {
    const names = this.count === 0 ? ['original'] : Array.from({ length: this.count }, (_, i) => `original${i}`);
    return names.map((name) => fieldOf(this, name) as Tensor);
  }

  override forward(): Tensor {
    let values: readonly Tensor[] = this.originals();
    for (const module of this.children()) values = [(module as unknown as Callable)(...values) as Tensor];
    return values[0]!;
  }

  /** Sets the originals so that they give this tensor, as far as the functions' `rightInverse` does. @throws ArgumentError where one has none */
  rightInverse(value: Tensor): void {
    withGradMode(false, () => {
      let given: Tensor | readonly Tensor[] = value;
      for (const module of [...this.children()].reverse() as Parametrization[]) {
        if (module.rightInverse === undefined)
          throw new ArgumentError(
            `cannot assign to a parametrized tensor: ${module.typeName()} has no rightInverse; change its originals, or remove it first`,
          );
        given = module.rightInverse(given as Tensor);
      }
      const parts = isTensor(given) ? [given] : partsOf('rightInverse', given);
      const originals = this.originals();
      if (parts.length !== originals.length)
        throw new ArgumentError(`rightInverse: expected ${originals.length} tensors, but got ${parts.length}`);
      parts.forEach((part, i) => put(originals[i]!, part));
    });
  }
}

function partsOf(op: string, value: unknown): readonly Tensor[] {
  if (Array.isArray(value) && value.length > 0 && value.every((part) => isTensor(part))) return value;
  throw new ArgumentError(`${op}: expected rightInverse to give a tensor or an array of tensors`);
}

/** @throws ArgumentError, DTypeError, ShapeError unless a tensor is like another */
function requireLike(op: string, what: string, value: unknown, like: Tensor, anyShape = false): void {
  if (!isTensor(value)) throw new ArgumentError(`${op}: expected ${what} to give a tensor`);
  if (value.dtype !== like.dtype)
    throw new DTypeError(
      `${op}: expected ${what} to keep the dtype ${like.dtype}, but got ${value.dtype}; pass { unsafe: true } to allow it`,
    );
  if (!anyShape && !sameDims(value.layout.shape, like.layout.shape))
    throw new ShapeError(
      `${op}: expected ${what} to keep the shape ${showShape(like.layout.shape)}, but got ${showShape(value.layout.shape)}; pass { unsafe: true } to allow it`,
    );
}

// ---- computing once

let caching = 0;
let cache = new WeakMap<ModuleBase, Map<string, Tensor>>();

/**
 * Runs a function in which every parametrized tensor is computed once, at its first use
 * (https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.cached.html). Of an asynchronous function, until it is done.
 */
export function cached<T>(fn: () => T): T {
  requireKind('cached', 'the argument', fn, FUNCTION);
  const end = (): void => {
    if (--caching === 0) cache = new WeakMap();
  };
  caching++;
  let result: T;
  try {
    result = fn();
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) return result.finally(end) as T;
  end();
  return result;
}

function valueOf(module: ModuleBase, name: string): Tensor {
  const list = listOf(module, name)!;
  if (caching === 0) return (list as unknown as () => Tensor)();
  const values = cache.get(module) ?? new Map<string, Tensor>();
  cache.set(module, values);
  const value = values.get(name) ?? (list as unknown as () => Tensor)();
  values.set(name, value);
  return value;
}

// ---- registering

/** A module with parametrizations. */
export interface Parametrized {
  readonly parametrizations: ModuleDict & Readonly<Record<string, ParametrizationList>>;
}

const listsOf = (module: ModuleBase): ModuleDict | undefined => {
  const lists = fieldOf(module, 'parametrizations');
  return lists instanceof ModuleDict ? lists : undefined;
};
const listOf = (module: ModuleBase, name: string): ParametrizationList | undefined => {
  const lists = listsOf(module);
  return lists?.has(name) === true ? (lists.get(name) as unknown as ParametrizationList) : undefined;
};

interface RegisterCall<M = ModuleBase> {
  module: M;
  tensorName: string;
  parametrization: ModuleBase;
  unsafe?: boolean;
}
const REGISTER = signature<RegisterCall>(
  'registerParametrization',
  { module: MODULE, tensorName: NAME, parametrization: MODULE, unsafe: BOOL },
  { required: 3, positional: 3, example: "registerParametrization(layer, 'weight', new Symmetric())" },
);

/**
 * Puts a function of parameters in a parameter's place (https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.register_parametrization.html).
 * A module with several computes one after the other. The parameter moves to `module.parametrizations.weight.original`, under which name it is saved.
 * Where the function has `rightInverse`, the tensor can be assigned, too; where that gives several, they are `original0`, `original1`, …
 * With `unsafe` the function may change shape and dtype.
 *
 * @throws ArgumentError where there is no such tensor, DTypeError and ShapeError where its dtype or shape changes
 * @example
 * import { nn, type Tensor } from 'flambeau';
 * class Symmetric extends nn.Module {
 *   forward(x: Tensor): Tensor {
 *     return x.triu().add(x.triu(1).t());
 *   }
 * }
 * const layer = nn.utils.parametrize.registerParametrization(new nn.Linear(3, 3), 'weight', new Symmetric());
 * console.log([...layer.stateDict().keys()].join()); // bias,parametrizations.weight.original
 */
export function registerParametrization<M extends ModuleBase>(
  module: M | RegisterCall<M>,
  tensorName?: string | Omit<RegisterCall, 'module'>,
  parametrization?: ModuleBase | Omit<RegisterCall, 'module' | 'tensorName'>,
  options?: { unsafe?: boolean },
): M & Parametrized;
export function registerParametrization(...args: readonly unknown[]): ModuleBase {
  const { module, tensorName: name, parametrization, unsafe = false } = readCall(REGISTER, args);
  const op = 'registerParametrization';
  parametrization.train(module.training);
  const list = listOf(module, name);
  if (list !== undefined) {
    if (!unsafe)
      requireLike(op, 'the parametrization', (parametrization as unknown as Callable)(valueOf(module, name)), valueOf(module, name));
    list.addModule(String([...list.children()].length), parametrization);
    list.unsafe ||= unsafe;
    return module;
  }
  const tensor = tensorAt(op, module, name);
  if (!Object.keys(module).includes(name))
    throw new ArgumentError(`${op}: '${name}' of ${module.typeName()} is computed already, and not by a parametrization`);
  const lists = new ParametrizationList(op, parametrization, tensor, unsafe);
  takeOut(module, name);
  if (listsOf(module) === undefined) {
    const type = module.typeName();
    module.addModule('parametrizations', new ModuleDict());
    Object.defineProperty(module, 'typeName', { value: () => `Parametrized${type}`, configurable: true });
  }
  listsOf(module)!.addModule(name, lists);
  Object.defineProperty(module, name, {
    get(this: ModuleBase) {
      return valueOf(this, name);
    },
    set(this: ModuleBase, value: Tensor) {
      listOf(this, name)!.rightInverse(value);
    },
    enumerable: false,
    configurable: true,
  });
  return module;
}

/** Whether a module has parametrizations, or one of a name (https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.is_parametrized.html). */
export function isParametrized(module: ModuleBase, tensorName?: string | null): boolean {
  requireKind('isParametrized', 'the module', module, MODULE);
  if (tensorName !== undefined && tensorName !== null) requireKind('isParametrized', 'tensorName', tensorName, NAME);
  const lists = listsOf(module);
  return lists !== undefined && (typeof tensorName === 'string' ? lists.has(tensorName) : lists.size > 0);
}

interface RemoveCall<M = ModuleBase> {
  module: M;
  tensorName: string;
  leaveParametrized?: boolean;
}
const REMOVE = signature<RemoveCall>(
  'removeParametrizations',
  { module: MODULE, tensorName: NAME, leaveParametrized: BOOL },
  { required: 2, example: "removeParametrizations(layer, 'weight')" },
);

/**
 * Makes a tensor a parameter again (https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.remove_parametrizations.html): with what
 * it is now, or with `leaveParametrized: false` as the original.
 * @throws ArgumentError where it has no parametrizations, or several originals are to be left
 */
export function removeParametrizations<M extends ModuleBase>(
  module: M | RemoveCall<M>,
  tensorName?: string | Omit<RemoveCall, 'module'>,
  leaveParametrized?: boolean | { leaveParametrized?: boolean },
): M;
export function removeParametrizations(...args: readonly unknown[]): ModuleBase {
  const { module, tensorName: name, leaveParametrized = true } = readCall(REMOVE, args);
  const list = listOf(module, name);
  if (list === undefined) throw new ArgumentError(`removeParametrizations: '${name}' of ${module.typeName()} has no parametrizations`);
  if (!leaveParametrized && list.count > 0)
    throw new ArgumentError(
      `removeParametrizations: '${name}' has ${list.count} originals, none of which can take its place; leave it parametrized`,
    );
  let original = list.count === 0 ? list.original : undefined;
  if (original === undefined) {
    const value = valueOf(module, name);
    original = value.requiresGrad ? new Parameter(value.detach()) : value;
  } else if (leaveParametrized) {
    const value = withGradMode(false, () => valueOf(module, name));
    put(original, value);
  }
  const lists = listsOf(module)!;
  lists.pop(name);
  Reflect.deleteProperty(module, name);
  putIn(module, name, original);
  if (lists.size === 0) {
    module[INTERNALS].added.delete('parametrizations');
    Reflect.deleteProperty(module, 'parametrizations');
    Reflect.deleteProperty(module, 'typeName');
  }
  return module;
}

/** The name of a module's class, whether it has parametrizations or not. */
export function typeBeforeParametrizations(module: ModuleBase): string {
  requireKind('typeBeforeParametrizations', 'the module', module, MODULE);
  return isParametrized(module) ? module.typeName().replace(/^Parametrized/, '') : module.typeName();
}

interface TransferCall<M = ModuleBase> {
  fromModule: ModuleBase;
  toModule: M;
  tensorName?: string | null;
}
const TRANSFER = signature<TransferCall>(
  'transferParametrizationsAndParams',
  { fromModule: MODULE, toModule: MODULE, tensorName: orNull(NAME) },
  { required: 2, example: 'transferParametrizationsAndParams(from, to)' },
);

/**
 * Gives a module another's parametrizations, or those of one tensor, with the parameters that they compute of; both modules share them
 * (https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.transfer_parametrizations_and_params.html). Tensors that it does not have are
 * made; a module without parametrizations gives nothing.
 * @throws ArgumentError where there is no parametrization of that name
 */
export function transferParametrizationsAndParams<M extends ModuleBase>(
  fromModule: ModuleBase | TransferCall<M>,
  toModule?: M | Omit<TransferCall<M>, 'fromModule'>,
  tensorName?: string | null | Pick<TransferCall, 'tensorName'>,
): M;
export function transferParametrizationsAndParams(...args: readonly unknown[]): ModuleBase {
  const { fromModule, toModule, tensorName = null } = readCall(TRANSFER, args);
  const lists = listsOf(fromModule);
  if (lists === undefined) return toModule;
  for (const name of tensorName === null ? [...lists.keys()] : [tensorName]) {
    const from = listOf(fromModule, name);
    if (from === undefined) throw new ArgumentError(`${TRANSFER.op}: '${name}' of ${fromModule.typeName()} has no parametrizations`);
    if (!isTensor(fieldOf(toModule, name))) toModule.registerParameter(name, new Parameter(valueOf(fromModule, name).detach()));
    for (const parametrization of from.children()) registerParametrization(toModule, name, parametrization);
    const to = listOf(toModule, name)!;
    const originals = from.count === 0 ? ['original'] : Array.from({ length: from.count }, (_, i) => `original${i}`);
    for (const original of originals) {
      takeOut(to, original);
      putIn(to, original, fieldOf(from, original) as Tensor);
    }
  }
  return toModule;
}
