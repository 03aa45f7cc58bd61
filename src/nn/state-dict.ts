/**
 * State dicts: the named tensors of a module, and loading them without ever leaving a module half loaded. What does not fit is explained in
 * state-dict-mismatch.ts.
 */
import { BOOL, kind, requireKind, requireOptions, TEXT, type OptionKinds } from '../base/arguments.ts';
import { StateDictError } from '../base/errors.ts';
import { sameDims, showShape, type Dims } from '../base/shape.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { inWords } from '../tensor/in-words.ts';
import { unusable } from '../tensor/storage.ts';
import { Tensor } from '../tensor/tensor.ts';
import { isUninitialized } from '../tensor/uninitialized.ts';
import { addExtraState, extraStates, loadExtraStates } from './extra-state.ts';
import { requireFlat, type ModuleBase } from './module-base.ts';
import { join } from './module-named.ts';
import { ownBuffers, ownParameters } from './module-fields.ts';
import { INTERNALS } from './module-internals.ts';
import { afterLoading, toLoad } from './state-dict-hooks.ts';
import { explainMismatch } from './state-dict-mismatch.ts';

/** Parameters and persistent buffers by their path (`layer1.0.conv1.weight`), in PyTorch's order. */
export type StateDict = Map<string, Tensor>;

export interface LoadOptions {
  /** Default true: missing and unexpected keys are errors. Wrong shapes always are. */
  readonly strict?: boolean;
}

export interface LoadResult {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

/** A state dict whose tensors still lie in a file. Their shapes are known, and they can be read straight to where they belong. */
export interface DeferredState extends Map<string, Tensor> {
  /** The shape of a tensor that is still in the file. */
  shapeInFile(key: string): Dims | undefined;
  /** Makes sure that what is still in the file of these can be read. @throws FormatError */
  verify(keys: Iterable<string>): void;
  /** Whether {@link readInto} can read a tensor into another one of its shape, or it has to be made a tensor first. */
  fits(key: string, target: Tensor): boolean;
  /** Reads a tensor that is still in the file into another one that it {@link fits}. */
  readInto(key: string, target: Tensor): void;
  /** Gives an entry another key. */
  rename(key: string, to: string): void;
}

/** Parameters and persistent buffers of a module and all below it, by path; they share memory with the module. */
export function stateOf(root: ModuleBase): StateDict {
  const state: StateDict = new Map();
  const visit = (module: ModuleBase, prefix: string, depth: number): void => {
    requireFlat('stateDict', module, depth);
    const { stateHooks, buffers } = module[INTERNALS];
    const path = prefix === '' ? '' : `${prefix}.`;
    for (const hook of stateHooks?.before ?? []) hook(module, path);
    for (const [name, parameter] of ownParameters(module)) state.set(join(prefix, name), parameter.detach());
    for (const [name, buffer] of ownBuffers(module)) if (buffers.get(name) === true) state.set(join(prefix, name), buffer);
    addExtraState(module, state, prefix);
    for (const [name, child] of module.namedChildren()) visit(child, join(prefix, name), depth + 1);
    for (const hook of stateHooks?.after ?? []) hook(module, state, path);
  };
  visit(root, '', 0);
  return state;
}

const STRICT: OptionKinds<LoadOptions> = { strict: BOOL };

/** Copies a state dict into a module, with the hooks around it. @throws StateDictError that lists all that does not fit */
export function loadState(module: ModuleBase, saved: unknown, options: LoadOptions): LoadResult {
  const { strict = true } = requireOptions<LoadOptions>('loadStateDict', options, STRICT, '{ strict: false }');
  const extra = extraStates(module);
  const given = toLoad(module, saved);
  const result = copyState(module.typeName(), module.stateDict(), given, strict, extra);
  loadExtraStates(extra, given);
  afterLoading(module, result);
  return result;
}
const NONE: ReadonlyMap<string, unknown> = new Map();

/** Whether it is a parameter or buffer of a lazy layer that has no shape yet. */
const waiting = (x: unknown): boolean => x instanceof Tensor && isUninitialized(x);

const isDeferred = (state: ReadonlyMap<string, Tensor>): state is DeferredState => 'shapeInFile' in state;

/**
 * Copies `saved` into a module's own state, all or nothing.
 * @param extra the keys that are no tensors, which modules read themselves
 * @throws StateDictError that explains every missing, unexpected and wrong-shaped key together
 * @throws FormatError when the tensors still lie in a file that turns out to be damaged
 */
function copyState(model: string, own: StateDict, saved: unknown, strict: boolean, extra: ReadonlyMap<string, unknown> = NONE): LoadResult {
  const source = asState(saved);
  const target = extra.size === 0 ? own : new Map([...own].filter(([key]) => !extra.has(key)));
  const deferred = isDeferred(source) ? source : undefined;
  /** Whether a value has no elements yet; what lies in a file stays there. */
  const isEmpty = (key: string): boolean => deferred?.shapeInFile(key) === undefined && waiting(source.get(key));
  const missingKeys = [...target.keys(), ...extra.keys()].filter((key) => !source.has(key));
  const unexpectedKeys = [...source.keys()].filter((key) => !target.has(key) && !extra.has(key));
  const fitting = [...target.keys()].filter((key) => source.has(key));
  const mismatched = fitting.flatMap((key) => {
    const shape = deferred?.shapeInFile(key) ?? shapeOf(source.get(key));
    const own = target.get(key)!.layout.shape;
    if (shape !== undefined && (waiting(target.get(key)) || (sameDims(shape, own) && !isEmpty(key)))) return [];
    if (isEmpty(key)) return [`${key}: the state's is not initialised yet, the model's has shape ${showShape(own)}`];
    return [`${key}: the file has ${shape === undefined ? noTensor(source.get(key)) : showShape(shape)}, the model ${showShape(own)}`];
  });
  if (mismatched.length > 0 || (strict && missingKeys.length + unexpectedKeys.length > 0)) {
    const kept = strict ? { missingKeys, unexpectedKeys } : { missingKeys: [], unexpectedKeys: [] };
    const inner = [...source.keys()].flatMap((key) => {
      const value: unknown = deferred?.shapeInFile(key) === undefined ? source.get(key) : undefined;
      return value instanceof Map ? [[key, value] as const] : [];
    });
    throw new StateDictError(explainMismatch(model, target, source, { ...kept, mismatched, inner }));
  }
  // Parameters of lazy layers on both sides have nothing to give.
  const given = fitting.filter((key) => !isEmpty(key));
  for (const key of given) {
    const value = deferred?.shapeInFile(key) === undefined ? source.get(key)! : undefined;
    for (const { storage } of [...(value === undefined ? [] : [value]), ...(waiting(target.get(key)) ? [] : [target.get(key)!])]) {
      if (storage.freed) throw unusable(`loadStateDict: ${key}`, storage);
    }
  }
  deferred?.verify(given);
  // What takes memory comes first: once the model is being written to, nothing may run out.
  for (const key of given) {
    const own = target.get(key)!;
    if (isUninitialized(own)) own.materialize(deferred?.shapeInFile(key) ?? source.get(key)!.layout.shape);
  }
  const made = new Map(given.filter((key) => deferred?.fits(key, target.get(key)!) !== true).map((key) => [key, source.get(key)!]));
  withGradMode(false, () => {
    for (const key of given) {
      const tensor = made.get(key);
      if (tensor === undefined) deferred!.readInto(key, target.get(key)!);
      else target.get(key)!.copy_(tensor);
    }
  });
  return { missingKeys, unexpectedKeys };
}

const STATE = kind('a Map of tensors', (value) => value instanceof Map && [...value.keys()].every((key) => typeof key === 'string'));

/** A state dict of tensors by name, as a Map or a plain object. @throws StateDictError when it is something else */
function asState(saved: unknown): ReadonlyMap<string, Tensor> {
  const fail = (what: string): StateDictError =>
    new StateDictError(`loadStateDict: expected a state dict, tensors by name, but got ${what}; nothing was loaded`);
  if (typeof saved !== 'object' || saved === null || Array.isArray(saved)) throw fail(inWords(saved));
  if (!(saved instanceof Map)) {
    const prototype: unknown = Object.getPrototypeOf(saved);
    if (prototype !== Object.prototype && prototype !== null) throw fail(inWords(saved));
    return new Map(Object.entries(saved as Record<string, Tensor>));
  }
  for (const key of (saved as ReadonlyMap<unknown, Tensor>).keys()) {
    if (typeof key !== 'string') throw fail(`a Map with the key ${inWords(key)}, which is no name`);
  }
  return saved as ReadonlyMap<string, Tensor>;
}

const noTensor = (value: unknown): string =>
  typeof value === 'object' && value !== null && 'className' in value ? inWords(value) : 'no tensor';

const shapeOf = (value: unknown): Dims | undefined => (value instanceof Tensor ? value.layout.shape : undefined);

/**
 * Removes a prefix from the keys of a state dict, in place, where they have it: what wrappers such as `DataParallel` (`module.`) and
 * `torch.compile` (`_orig_mod.`) put in front.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.modules.utils.consume_prefix_in_state_dict_if_present.html
 * @example
 * import { nn } from 'flambeau';
 * const state = new Map([...new nn.Linear(2, 1).stateDict()].map(([key, value]) => [`module.${key}`, value]));
 * nn.utils.consumePrefixInStateDictIfPresent(state, 'module.');
 * console.log([...state.keys()].join()); // weight,bias
 */
export function consumePrefixInStateDictIfPresent(state: StateDict, prefix: string): void {
  requireKind('consumePrefixInStateDictIfPresent', 'the state', state, STATE);
  requireKind('consumePrefixInStateDictIfPresent', 'the prefix', prefix, TEXT);
  for (const key of [...state.keys()]) {
    if (!key.startsWith(prefix)) continue;
    const rest = key.slice(prefix.length);
    if (isDeferred(state)) state.rename(key, rest);
    else {
      const value = state.get(key)!;
      state.delete(key);
      state.set(rest, value);
    }
  }
}
