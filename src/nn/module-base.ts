/**
 * What every module is: a tree of named children with parameters and buffers.
 *
 * Modules are callable: `conv(x)` runs `conv.forward(x)` with hooks. That works because the constructor returns a
 * function whose prototype is the class's, so that fields and methods of subclasses land on it. Children and parameters
 * are found among a module's own properties, in the order they were assigned; only buffers need to be registered.
 */
import { become } from '../tensor/tensor-base.ts';
import type { DeviceName } from '../tensor/backend.ts';
import { BOOL, FUNCTION, kind, requireKind, requireOptions, TEXT } from '../base/arguments.ts';
import type { DType } from '../base/dtype.ts';
import { ArgumentError, FlambeauError } from '../base/errors.ts';
import { readCall } from '../base/signature.ts';
import { TENSOR_OR_NULL } from '../tensor/arguments.ts';
import type { CheckpointValue } from '../io/checkpoint-value.ts';
import { family } from '../tensor/family.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import { inspectSymbol, Tensor } from '../tensor/tensor.ts';
import { everyModule, Hooks, type BackwardHookOptions, type ForwardHook, type ForwardHookOptions, type ForwardPreHook, type ForwardPreHookOptions, type FullBackwardHook, type FullBackwardPreHook } from './module-hooks.ts'; // prettier-ignore
import type { RemovableHandle } from '../tensor/autograd.ts';
import { INTERNALS, unchanged, type Internals } from './module-internals.ts';
import { fieldsOf, notAModule, ownBuffers, ownParameters, refuseMethod, requireParameters } from './module-fields.ts';
import { childLines, heading } from './module-print.ts';
import { BUFFERS, join, named, NAMED_BUFFERS, NAMED_PARAMETERS, PARAMETERS, recursive, type NamedOptions } from './module-named.ts';
import { destinations, toMove, type Destination } from './module-to.ts';
import { Parameter } from './parameter.ts';
import type { LoadStateDictPostHook, LoadStateDictPreHook, StateDictPostHook, StateDictPreHook } from './state-dict-hooks.ts';
import type { LoadOptions, LoadResult, StateDict } from './state-dict.ts';

/** A function of every module; it may be written for `nn.Module`, which can be called. */
type Visit = { visit(module: ModuleBase): void }['visit'];

/** Modules whose forward is running, the outermost first: errors name the place by them. */
const running: ModuleBase[] = [];

/** A module of which nothing more is known, as one gets it from another: it can be called with anything. */
export type AnyModule = ModuleBase & ((...inputs: any[]) => any); // eslint-disable-line @typescript-eslint/no-explicit-any -- what it takes and gives is not known

/** @internal The modules whose forward is running, the outermost first. */
export const runningModules = (): readonly ModuleBase[] => running;

export abstract class ModuleBase {
  /** Whether layers such as Dropout and BatchNorm2d behave as in training. */
  declare training: boolean;
  declare readonly [INTERNALS]: Internals;

  constructor() {
    const call = (...args: never[]): unknown => {
      // What consoles of browsers show of a function is its text; minifiers leave this in it.
      'console.log(String(module)) shows the layers of this module';
      return callModule(self, args);
    };
    Object.setPrototypeOf(call, new.target.prototype);
    // A function's own `name` and `length` would stand in the way of properties of the module.
    Reflect.deleteProperty(call, 'name');
    Reflect.deleteProperty(call, 'length');
    const self = stamp(call as unknown as this);
    return self;
  }

  /** Computes the output; `module(x)` calls it. */
  abstract forward(...args: never[]): unknown;

  // ---- the tree

  /** The children with their names, in order. */
  *namedChildren(): Generator<[string, AnyModule]> {
    const { added, settle } = this[INTERNALS];
    settle?.(this);
    const fields = this as unknown as Readonly<Record<string, unknown>>;
    for (const name of added) {
      const value = fields[name];
      if (value instanceof ModuleBase) yield [name, value as AnyModule];
      else if (value !== undefined && value !== null) throw notAModule(this, name, value);
    }
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof ModuleBase && !added.has(name)) yield [name, value as AnyModule];
    }
  }

  *children(): Generator<AnyModule> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and all below it, each once, with their paths. */
  *namedModules(prefix = '', seen = new Set<ModuleBase>()): Generator<[string, AnyModule]> {
    requireKind('namedModules', 'prefix', prefix, TEXT);
    requireKind('namedModules', 'seen', seen, SEEN);
    yield* modulesBelow(this, prefix, seen, 0) as Generator<[string, AnyModule]>;
  }

  *modules(): Generator<AnyModule> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /**
   * Adds a child under a name, in the place of one that has it already (PyTorch: `add_module`).
   * @throws ArgumentError for an empty name, one with a dot, or one that is taken by something else
   */
  addModule(name: string, module: ModuleBase): void {
    requireKind('addModule', 'the name', name, NAME);
    requireKind('addModule', `the module '${name}'`, module, MODULE);
    if (module === this) throw new ArgumentError(`addModule: ${this.typeName()} cannot contain itself`);
    const { added } = this[INTERNALS];
    const own = Object.hasOwn(this, name);
    const replaces = own && (this as unknown as Record<string, unknown>)[name] instanceof ModuleBase;
    if (replaces && !added.has(name)) {
      (this as unknown as Record<string, ModuleBase>)[name] = module; // a field keeps its place among the children
      return;
    }
    if (!added.has(name) && (own || (name in this && !isPosition(name))))
      throw new ArgumentError(`addModule: '${name}' is already an attribute of ${this.typeName()}; choose another name`);
    added.add(name);
    Object.defineProperty(this, name, { value: module, writable: true, enumerable: true, configurable: true });
  }

  /** The module at a path such as `features.0`; the empty path is this one. */
  getSubmodule(path: string): AnyModule {
    requireKind('getSubmodule', 'the path', path, TEXT);
    for (const [name, module] of this.namedModules()) if (name === path) return module;
    throw new ArgumentError(
      `getSubmodule: ${this.typeName()} has no module '${path}'; it has ${[...this.namedModules()]
        .map(([name]) => name)
        .filter(Boolean)
        .join(', ')}`,
    );
  }

  /** As {@link addModule} (PyTorch: `register_module`). */
  registerModule(name: string, module: ModuleBase): void {
    this.addModule(name, module);
  }

  /**
   * Puts a module in the place of the one at a path such as `features.0` (PyTorch: `set_submodule`).
   * @throws ArgumentError where there is none at that path
   */
  setSubmodule(path: string, module: ModuleBase): void {
    requireKind('setSubmodule', 'the module', module, MODULE);
    if ((this.getSubmodule(path) as ModuleBase) === this)
      throw new ArgumentError('setSubmodule: expected the path of a module below this one, but got an empty path');
    const dot = path.lastIndexOf('.');
    const owner = this.getSubmodule(dot === -1 ? '' : path.slice(0, dot));
    (owner as unknown as Record<string, ModuleBase>)[path.slice(dot + 1)] = module;
  }

  /** The parameter at a path such as `fc.weight`. @throws ArgumentError where there is none */
  getParameter(path: string): Parameter {
    requireKind('getParameter', 'the path', path, TEXT);
    for (const [name, parameter] of this.namedParameters()) if (name === path) return parameter;
    throw new ArgumentError(
      `getParameter: ${this.typeName()} has no parameter '${path}'; it has ${[...this.namedParameters()].map(([name]) => name).join(', ')}`,
    );
  }

  /** The buffer at a path such as `bn.running_mean`. @throws ArgumentError where there is none */
  getBuffer(path: string): Tensor {
    requireKind('getBuffer', 'the path', path, TEXT);
    for (const [name, buffer] of this.namedBuffers()) if (name === path) return buffer;
    throw new ArgumentError(
      `getBuffer: ${this.typeName()} has no buffer '${path}'; it has ${[...this.namedBuffers()].map(([name]) => name).join(', ')}`,
    );
  }

  /** A copy that shares no memory with this module: as `deepcopy(module)`. */
  clone(): this {
    return family('copying').deepcopy(this);
  }

  // ---- parameters and buffers

  /**
   * Parameters with their paths, each once; `recurse: false` for this module's own, without those of modules below.
   * @param prefix what all paths begin with
   */
  namedParameters(
    prefix?: string | NamedOptions,
    recurse?: boolean | Omit<NamedOptions, 'prefix'>,
    removeDuplicate?: boolean,
  ): Generator<[string, Parameter]>;
  *namedParameters(...args: readonly unknown[]): Generator<[string, Parameter]> {
    yield* named(this, readCall(NAMED_PARAMETERS, args), ownParameters);
  }

  /** All parameters, each once: what an optimizer takes; `recurse: false` for this module's own. */
  parameters(recurse: boolean | { readonly recurse?: boolean } = true): Parameter[] {
    if (!recursive(PARAMETERS, recurse)) return [...new Set(ownParameters(this).map(([, parameter]) => parameter))];
    const { namedParameters, namedModules } = ModuleBase.prototype;
    if (this.namedParameters !== namedParameters || this.namedModules !== namedModules)
      return [...this.namedParameters()].map(([, parameter]) => parameter);
    const found = new Set<Parameter>();
    gatherParameters(this, found, new Set(), 0);
    return [...found];
  }

  /** Buffers, such as running statistics, with their paths, each once; arguments as those of {@link namedParameters}. */
  namedBuffers(
    prefix?: string | NamedOptions,
    recurse?: boolean | Omit<NamedOptions, 'prefix'>,
    removeDuplicate?: boolean,
  ): Generator<[string, Tensor]>;
  *namedBuffers(...args: readonly unknown[]): Generator<[string, Tensor]> {
    yield* named(this, readCall(NAMED_BUFFERS, args), ownBuffers);
  }

  /** All buffers, each once; `recurse: false` for this module's own. */
  buffers(recurse: boolean | { readonly recurse?: boolean } = true): Tensor[] {
    return [...this.namedBuffers('', recursive(BUFFERS, recurse))].map(([, buffer]) => buffer);
  }

  /**
   * Adds a parameter under a name (PyTorch: `register_parameter`); null for one that is left out. To assign a field does the same, but only
   * from here on is it known before the first use that nothing else may take its place.
   */
  registerParameter(name: string, parameter: Parameter | null): void {
    requireKind('registerParameter', 'the name', name, NAME);
    refuseMethod(this, 'registerParameter', name);
    (this as unknown as Record<string, Parameter | null>)[name] = parameter;
    const { parameters } = this[INTERNALS];
    if (!parameters.includes(name)) parameters.push(name);
    requireParameters(this);
  }

  /** Adds a tensor that is not learned but belongs to the state, such as running statistics. */
  registerBuffer(name: string, tensor: Tensor | null, options: { readonly persistent?: boolean } = {}): void {
    requireKind('registerBuffer', 'the name', name, NAME);
    refuseMethod(this, 'registerBuffer', name);
    requireKind('registerBuffer', `the buffer '${name}'`, tensor, TENSOR_OR_NULL);
    const given = requireOptions<{ persistent?: boolean }>('registerBuffer', options, PERSISTENT, '{ persistent: false }');
    this[INTERNALS].buffers.set(name, given.persistent ?? true);
    (this as unknown as Record<string, Tensor | null>)[name] = tensor;
  }

  /** Parameters and persistent buffers by path; they share memory with the module. */
  stateDict(): StateDict {
    return family('state-dicts').stateOf(this);
  }

  /**
   * Copies a state dict into this module, all or nothing.
   * @param state - tensors by name, as {@link stateDict} gives them or a file holds them
   * @throws StateDictError that lists every missing, unexpected and wrong-shaped key together
   */
  loadStateDict(
    state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>> | CheckpointValue | undefined,
    options: LoadOptions = {},
  ): LoadResult {
    return family('state-dicts').loadState(this, state, options);
  }

  /**
   * What a module keeps in its state dict besides tensors, under `_extra_state`; a class that overrides this overrides {@link setExtraState}, too.
   * To be saved in a file it may be of numbers, strings, booleans, tensors, arrays and Maps.
   * @throws ArgumentError here: a module has none unless its class says so
   */
  getExtraState(): unknown {
    throw new ArgumentError(
      `getExtraState: ${this.typeName()} has no extra state; define getExtraState() and setExtraState(state) in its class`,
    );
  }

  /** Takes what {@link getExtraState} has given, when a state dict is loaded. @throws ArgumentError here, as there */
  setExtraState(_state: unknown): void {
    throw new ArgumentError(
      `setExtraState: ${this.typeName()} takes no extra state; define getExtraState() and setExtraState(state) in its class`,
    );
  }

  /**
   * Runs `hook(module, prefix)` before this module's part of a state dict is made
   * (https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_state_dict_pre_hook).
   * @returns a handle whose `remove()` takes the hook away; so do the following
   */
  registerStateDictPreHook(hook: StateDictPreHook): RemovableHandle {
    return family('state-dicts').addStateHook('registerStateDictPreHook', this, 'before', hook);
  }

  /** Runs `hook(module, state, prefix)` after this module's part of a state dict has been made; it may change the dict. */
  registerStateDictPostHook(hook: StateDictPostHook): RemovableHandle {
    return family('state-dicts').addStateHook('registerStateDictPostHook', this, 'after', hook);
  }

  /** Runs `hook(module, state, prefix)` before a state dict is loaded into this module or one above it; it may change the copy that is loaded. */
  registerLoadStateDictPreHook(hook: LoadStateDictPreHook): RemovableHandle {
    return family('state-dicts').addStateHook('registerLoadStateDictPreHook', this, 'beforeLoad', hook);
  }

  /** Runs `hook(module, { missingKeys, unexpectedKeys })` after a state dict has been loaded. */
  registerLoadStateDictPostHook(hook: LoadStateDictPostHook): RemovableHandle {
    return family('state-dicts').addStateHook('registerLoadStateDictPostHook', this, 'afterLoad', hook);
  }

  // ---- modes

  /** Switches to training mode, or out of it; returns the module. */
  train(mode = true): this {
    requireKind('train', 'the mode', mode, BOOL);
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Switches to evaluation mode: no dropout, running statistics. */
  eval(): this {
    return this.train(false);
  }

  /** Clears the parameters' gradients: to null, or to zeros with `setToNone: false`. */
  zeroGrad(options: { readonly setToNone?: boolean } = {}): void {
    const { setToNone = true } = requireOptions<{ setToNone?: boolean }>('zeroGrad', options, SET_TO_NONE, '{ setToNone: false }');
    for (const parameter of this.parameters()) {
      if (setToNone) parameter.grad = null;
      else parameter.grad?.zero_();
    }
  }

  /** Switches gradients of all parameters on or off, for fine-tuning. */
  requiresGrad_(value = true): this {
    requireKind('requiresGrad_', 'the value', value, BOOL);
    for (const parameter of this.parameters()) parameter.requiresGrad = value;
    return this;
  }

  /** Calls `fn` on every module, children first. */
  apply(fn: Visit): this {
    requireKind('apply', 'the argument', fn, FUNCTION);
    const visit = (module: ModuleBase, depth: number): void => {
      requireFlat('apply', module, depth);
      for (const child of module.children()) visit(child, depth + 1);
      fn(module);
    };
    visit(this, 0);
    return this;
  }

  /**
   * Converts floating-point parameters and buffers to another dtype, or moves all of them to a device, with their gradients. Parameters
   * stay the same objects, so that an optimizer which was made before goes on with them.
   * @throws DeviceError for a device that is not there
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.to
   */
  to(target: DType | DeviceName | Destination, dtype?: DType | Pick<Destination, 'dtype'>): this;
  to(...args: readonly unknown[]): this {
    for (const target of destinations('to', args)) {
      // First all copies, so that a device without room for them leaves the module as it was.
      const copies = toMove(this, 'to', target).map((x) => [x, x.detach().to(target)] as const);
      for (const [x, there] of copies) if (there.storage !== x.storage) become(x, there);
    }
    return this;
  }

  /** As {@link to}, from a GPU that the program cannot wait for as well: `save((await model.toAsync('cpu')).stateDict(), path)`. */
  async toAsync(target: DType | DeviceName): Promise<this> {
    const moving = toMove(this, 'toAsync', target);
    const there = await Promise.all(moving.map((x) => x.detach().toAsync(target)));
    moving.forEach((x, i) => {
      if (there[i]!.storage !== x.storage) become(x, there[i]!);
    });
    return this;
  }

  /** All of it on the CPU. */
  cpu(): this {
    return this.to('cpu');
  }

  float(): this {
    return this.to('float32');
  }

  double(): this {
    return this.to('float64');
  }

  /** Floating-point parameters and buffers in half precision; kernels compute with them in single precision. */
  half(): this {
    return this.to('float16');
  }

  /** Floating-point parameters and buffers as bfloat16; kernels compute with them in single precision. */
  bfloat16(): this {
    return this.to('bfloat16');
  }

  /** As {@link to}, for a dtype. */
  type(target: DType): this {
    return this.to(target);
  }

  /** All of it on the GPU. @throws DeviceError where there is none; ask `cuda.isAvailable()` first, as PyTorch scripts do */
  cuda(): this {
    return this.to('cuda');
  }

  // ---- hooks

  /**
   * Runs `hook(module, args)` before every forward of this module; what it returns, if anything, replaces the arguments: an array of all
   * of them, or a single one (https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_pre_hook).
   * @returns a handle whose `remove()` takes the hook away
   */
  registerForwardPreHook(hook: ForwardPreHook, options?: ForwardPreHookOptions): RemovableHandle {
    return family('hooks').addForwardPreHook('registerForwardPreHook', this[INTERNALS].hooks, hook, options);
  }

  /**
   * Runs `hook(module, args, output)` after every forward of this module; what it returns, if anything, replaces the output
   * (https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook).
   * @returns a handle whose `remove()` takes the hook away
   * @example
   * import { nn, ones, type Tensor } from 'flambeau';
   * const layer = new nn.Linear(3, 2);
   * const seen: Tensor[] = [];
   * const handle = layer.registerForwardHook((_module, _args, output) => void seen.push(output as Tensor));
   * layer(ones(4, 3));
   * handle.remove();
   * console.log(seen[0]?.shape); // [ 4, 2 ]
   */
  registerForwardHook(hook: ForwardHook, options?: ForwardHookOptions): RemovableHandle {
    return family('hooks').addForwardHook('registerForwardHook', this[INTERNALS].hooks, hook, options);
  }

  /**
   * Runs `hook(module, gradOutput)` before gradients go back through this module; what it returns, if anything, replaces the gradients of the
   * outputs (https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_pre_hook).
   */
  registerFullBackwardPreHook(hook: FullBackwardPreHook, options?: BackwardHookOptions): RemovableHandle {
    const { hooks } = this[INTERNALS];
    return family('hooks').addBackwardHook('registerFullBackwardPreHook', hooks, hooks.backwardBefore, hook, options);
  }

  /**
   * Runs `hook(module, gradInput, gradOutput)` whenever the gradients of this module's inputs have been computed; what it returns, if anything,
   * replaces the former (https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook).
   * The arguments and the output of forward cannot be changed in place then.
   */
  registerFullBackwardHook(hook: FullBackwardHook, options?: BackwardHookOptions): RemovableHandle {
    const { hooks } = this[INTERNALS];
    return family('hooks').addBackwardHook('registerFullBackwardHook', hooks, hooks.backwardAfter, hook, options);
  }

  // ---- printing

  /** The name that printing shows: the class's. */
  typeName(): string {
    return this.constructor.name;
  }

  /** What printing shows between the parentheses, e.g. `3, 16, kernel_size=(3, 3)`. */
  extraRepr(): string {
    return '';
  }

  /** As PyTorch prints it. */
  toString(): string {
    printing++;
    try {
      requireFlat('toString', this, printing);
      const lines = childLines(this);
      const extra = this.extraRepr();
      if (lines.length === 0) return `${this.typeName()}(${extra})`;
      const all = extra === '' ? lines : [...extra.split('\n'), ...lines];
      return `${this.typeName()}(\n${all.map((line) => `  ${line}`).join('\n')}\n)`;
    } finally {
      printing--;
    }
  }

  [inspectSymbol](): string {
    return this.toString();
  }
}

// Private methods cannot be used: they would be installed on the object that the constructor discards.

function callModule(module: ModuleBase, args: never[]): unknown {
  if (running.length >= MAX_NESTED) requireFlat('forward', module, running.length);
  const { forward } = module as { readonly forward: unknown };
  if (typeof forward !== 'function')
    throw new ArgumentError(`${module.typeName()}: it has no forward(); define forward(x) to say what the module computes`);
  activeRecorder()?.module(module, () => unchanged(module));
  const internals = module[INTERNALS]; // every look at a module's properties takes time
  if (!internals.seen) ownParameters(module);
  requireParameters(module, internals);
  running.push(module);
  try {
    if (!internals.hooks.any && !everyModule.any) return Reflect.apply(forward, module, args) as unknown;
    return family('hooks').withHooks(module, internals.hooks, args, (given) => Reflect.apply(forward, module, given) as unknown);
  } catch (error) {
    if (error instanceof FlambeauError) locate(error);
    throw error;
  } finally {
    running.pop();
  }
}

/** The children, as `namedChildren` gives them, as they are now. */
function childrenOf(module: ModuleBase): readonly ModuleBase[] {
  if (module.namedChildren !== ModuleBase.prototype.namedChildren) return [...module.namedChildren()].map(([, child]) => child);
  const { added, settle } = module[INTERNALS];
  settle?.(module);
  const fields = fieldsOf(module);
  const found: ModuleBase[] = [];
  for (const name of added) {
    const value = fields[name];
    if (value instanceof ModuleBase) found.push(value);
    else if (value !== undefined && value !== null) throw notAModule(module, name, value);
  }
  for (const name of Object.keys(module)) {
    const value = fields[name];
    if (value instanceof ModuleBase && !added.has(name)) found.push(value);
  }
  return found;
}

/** The parameters of a module and of all below it, in the order of `namedParameters`, without paths and generators: loops ask at every step. */
function gatherParameters(module: ModuleBase, found: Set<Parameter>, seen: Set<ModuleBase>, depth: number): void {
  requireFlat('modules', module, depth);
  seen.add(module);
  for (const [, parameter] of ownParameters(module)) found.add(parameter);
  for (const child of childrenOf(module)) if (!seen.has(child)) gatherParameters(child, found, seen, depth + 1);
}

/** More modules inside each other than any network has; JavaScript's stack would not hold many more. */
const MAX_NESTED = 256;

/** Throws for modules nested too deep, among them those that contain themselves. @internal */
export function requireFlat(op: string, module: ModuleBase, depth: number): void {
  if (depth < MAX_NESTED) return;
  throw new ArgumentError(
    `${op}: modules are nested more than ${MAX_NESTED} deep, or ${module.typeName()} contains itself; keep references to outer modules out of fields`,
  );
}

/** A module and all below it, each once, with their paths. */
function* modulesBelow(module: ModuleBase, path: string, seen: Set<ModuleBase>, depth: number): Generator<[string, ModuleBase]> {
  if (seen.has(module)) return;
  requireFlat('modules', module, depth);
  seen.add(module);
  yield [path, module];
  for (const [name, child] of module.namedChildren()) yield* modulesBelow(child, join(path, name), seen, depth + 1);
}

const NAME = kind('a name without dots', (value) => typeof value === 'string' && value !== '' && !value.includes('.'));
const MODULE = kind('a module, such as new nn.ReLU()', (value) => value instanceof ModuleBase);
const SEEN = kind('a Set', (value) => value instanceof Set);
const PERSISTENT = { persistent: BOOL };
const SET_TO_NONE = { setToNone: BOOL };

/** @internal Names of children that were added by name, in order, whether they are still there or not. */
export const addedNames = (module: ModuleBase): Set<string> => module[INTERNALS].added;

/** Whether a name is a whole number, as those of the layers in lists are. */
export const isPosition = (name: string): boolean => /^-?\d+$/.test(name);

/** Gives a new module its bookkeeping, invisible among its properties. */
function stamp<M extends ModuleBase>(module: M): M {
  Object.defineProperty(module, 'training', { value: true, writable: true, enumerable: false, configurable: true });
  const internals: Internals = { added: new Set(), parameters: [], seen: false, buffers: new Map(), hooks: new Hooks(), stateHooks: undefined, settle: undefined, folds: false }; // prettier-ignore
  Object.defineProperty(module, INTERNALS, { value: internals });
  return module;
}

/** How many modules are being printed inside each other. */
let printing = 0;

const located = new WeakSet<FlambeauError>();

/**
 * Makes an error a layer's, once: it speaks of `Conv2d` where the function below said `conv2d`, and says which layer it is:
 * `… (in layer1.0.conv1: Conv2d)`.
 */
function locate(error: FlambeauError): void {
  if (located.has(error)) return;
  located.add(error);
  const inner = running.at(-1)!;
  const type = inner.typeName();
  const [name] = /^\w+(?= expects|:)/.exec(error.message) ?? [''];
  if (/^(?:2d|loss)?$/.test(type.toLowerCase().replace(name.toLowerCase(), ''))) error.message = type + error.message.slice(name.length);
  const path = [...running[0]!.namedModules()].find(([, module]) => module === inner)?.[0];
  if (path === undefined || path === '') return;
  error.message += ` (in layer ${path}: ${heading(inner)})`;
}
