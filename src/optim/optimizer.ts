/** What optimizers share: parameter groups, state, and their checks. */
import '../tensor/families/training.ts';

import { moved } from '../tensor/transfer.ts';
import { ANYTHING, BOOL, FUNCTION, ITERABLE, kind, requireKind, requireOptions, show, wrongArgument } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { numelOf, type Dims } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { TENSOR } from '../tensor/arguments.ts';
import type { CheckpointValue } from '../io/checkpoint-value.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { family, familyIfAny } from '../tensor/family.ts';
import { hostTensor, hostArray } from '../tensor/create.ts';
import { activeRecorder, unrecorded } from '../tensor/recorder.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import { inspectSymbol, Tensor } from '../tensor/tensor.ts';
import { isUninitialized } from '../tensor/uninitialized.ts';
import { Hooks, type HookHandle, type HookOptions } from './hooks.ts';
import type { OptimizerState, StateForm } from './optimizer-state.ts';
import type { WayOptions } from './options.ts';

export type { OptimizerState } from './optimizer-state.ts';

/** Parameters with hyperparameters of their own; those left out come from the optimizer's defaults. */
export type ParamGroupOptions<H> = Partial<H> & { readonly params: Iterable<Tensor> };

/** A group as the optimizer holds it. Hyperparameters may be changed between steps; schedulers do. */
export type ParamGroup<H> = H & { params: Tensor[]; initialLr?: number } & CycleRates;

/** What OneCycleLR keeps in the groups, as in PyTorch: the ends of its phases. */
export interface CycleRates {
  maxLr?: number;
  minLr?: number;
  maxMomentum?: number;
  baseMomentum?: number;
}

/** What an optimizer remembers of one parameter: tensors and counts. */
export type ParamState = Record<string, Tensor | number>;

/** What the groups of optimizers have; not every optimizer has all of it. */
export interface BaseHyperparameters {
  /** Learning rate. */
  lr: number;
  /** Coefficient of the L2 penalty. */
  weightDecay?: number;
  /** Climb instead of descend. */
  maximize?: boolean;
}

export type Params<H> = Iterable<Tensor> | Iterable<ParamGroupOptions<H>>;

/** The parameters, or an object with them and all options by name. */
export type ParamsOrAll<H, O> = Params<H> | (O & { readonly params: Params<H> });

/** Runs before a step: what it returns, if anything, are the step's arguments. */
export type StepPreHook = (optimizer: Optimizer, args: readonly unknown[]) => unknown;
/** Runs after a step. */
export type StepPostHook = (optimizer: Optimizer, args: readonly unknown[]) => unknown;
/** Runs after `stateDict` or before `loadStateDict`: what it returns, if anything, is the state instead. */
export type StateHook = (optimizer: Optimizer, state: OptimizerState) => OptimizerState | undefined | void; // eslint-disable-line @typescript-eslint/no-invalid-void-type -- hooks that return nothing
/** Runs before `stateDict` or after `loadStateDict`. */
export type PlainHook = (optimizer: Optimizer) => unknown;

/**
 * What all optimizers share, and what one of your own extends: with `update`, which is called for each parameter that has a gradient, or with a
 * `step` of its own as in PyTorch. The first keeps hooks and compiled steps.
 * @see https://pytorch.org/docs/stable/optim.html
 * @example
 * import { nn, noGrad, optim, tensor, zerosLike, type Tensor } from 'flambeau';
 * interface LionOptions { lr: number; betas: [number, number] }
 * class Lion extends optim.Optimizer<LionOptions> {
 *   constructor(params: Iterable<Tensor>, lr = 1e-4, betas: [number, number] = [0.9, 0.99]) {
 *     super(params, { lr, betas });
 *   }
 *   override step<T>(closure?: () => T): T | undefined {
 *     const loss = closure?.();
 *     noGrad(() => {
 *       for (const { params, lr, betas: [beta1, beta2] } of this.paramGroups) {
 *         for (const p of params) {
 *           if (p.grad === null) continue;
 *           const state = this.stateOf(p);
 *           const average = (state['exp_avg'] ??= zerosLike(p)) as Tensor;
 *           p.add_(average.mul(beta1).add(p.grad, { alpha: 1 - beta1 }).sign_(), { alpha: -lr });
 *           average.mul_(beta2).add_(p.grad, { alpha: 1 - beta2 });
 *         }
 *       }
 *     });
 *     return loss;
 *   }
 * }
 * const weight = new nn.Parameter(tensor([1, -2]));
 * const optimizer = new Lion([weight], 0.5);
 * weight.square().sum().backward();
 * optimizer.step();
 * if (String(weight.tolist()) !== '0.5,-1.5') throw new Error('half a step towards 0 each');
 */
export abstract class Optimizer<H extends BaseHyperparameters = BaseHyperparameters> {
  paramGroups: ParamGroup<H>[] = [];
  readonly defaults: H;
  /** What is remembered of each parameter; `stateOf` makes it. */
  readonly state = new Map<Tensor, ParamState>();
  readonly #ways: WayOptions;
  readonly #hooks = {
    beforeStep: new Hooks<StepPreHook>(),
    afterStep: new Hooks<StepPostHook>(),
    beforeSave: new Hooks<PlainHook>(),
    afterSave: new Hooks<StateHook>(),
    beforeLoad: new Hooks<StateHook>(),
    afterLoad: new Hooks<PlainHook>(),
  };

  /** @throws ArgumentError for no parameters, a parameter twice, one that is no leaf, or a hyperparameter out of range */
  constructor(params: Params<H>, defaults: H, ways: WayOptions = {}) {
    this.defaults = defaults;
    this.#ways = ways;
    this.check(defaults);
    const name = this.constructor.name;
    requireKind(name, 'the parameters', params, PARAMETERS, `pass model.parameters(): new optim.${name}(model.parameters(), { lr: 0.01 })`);
    const list = [...params] as (Tensor | ParamGroupOptions<H>)[];
    if (list.length === 0) throw new ArgumentError(`${name}: got no parameters; pass model.parameters()`);
    if (isTensor(list[0])) this.addParamGroup({ params: list as Tensor[] } as unknown as ParamGroupOptions<H>);
    else for (const group of list) this.addParamGroup(group as ParamGroupOptions<H>);
  }

  /** Checks a group's hyperparameters: when it is made, loaded, and before every step. An optimizer of one's own need not. */
  protected check(_group: H): void {
    // any
  }

  /** Updates one parameter from its gradient. */
  protected update(_param: Tensor, _grad: Tensor, _group: ParamGroup<H>, _state: ParamState): void {
    const { name } = this.constructor;
    throw new ArgumentError(`${name}: an optimizer needs update(param, grad, group, state), or a step() of its own; ${name} has neither`);
  }

  /** Adds parameters, with hyperparameters of their own: to unfreeze layers while fine-tuning. */
  addParamGroup(options: ParamGroupOptions<H>): void {
    const name = this.constructor.name;
    const { params, ...given } = groupOptions(name, options, this.defaults);
    const known = new Set(this.paramGroups.flatMap((group) => group.params));
    for (const param of params) {
      if (known.has(param)) throw new ArgumentError(`${name}: a parameter appears twice; each may be in one group only`);
      if (isUninitialized(param))
        throw new ArgumentError(
          `${name}: a parameter of a lazy layer is not initialised yet; call the model once with an input, or load a state dict, before making the optimizer`,
        );
      if (!param.isLeaf) throw new ArgumentError(`${name}: can only optimize leaf tensors, not results of operations; use detach()`);
      known.add(param);
    }
    const group = { ...this.defaults, ...given, params } as unknown as ParamGroup<H>;
    this.check(group);
    this.paramGroups.push(group);
  }

  /** Clears the gradients of all parameters: to null, or to zeros with `setToNone: false`. */
  zeroGrad(setToNone?: boolean | { readonly setToNone?: boolean }): void;
  zeroGrad(...args: readonly unknown[]): void {
    const { setToNone = true } = readCall(ZERO_GRAD, args);
    for (const group of this.paramGroups) {
      for (const param of group.params) {
        if (setToNone) param.grad = null;
        else param.grad?.zero_();
      }
    }
  }

  /**
   * Updates every parameter that has a gradient. A `closure`, if given, computes the loss first, with gradients.
   * @returns what the closure returned
   */
  step<T = undefined>(closure?: () => T): T | undefined {
    const { beforeStep, afterStep } = this.#hooks;
    if (beforeStep.size + afterStep.size === 0) return this.runStep(closure);
    let args: readonly unknown[] = closure === undefined ? [] : [closure];
    for (const hook of beforeStep) {
      const changed = hook(this, args);
      if (Array.isArray(changed)) args = changed;
    }
    const loss = this.runStep(args[0] as (() => T) | undefined);
    for (const hook of afterStep) hook(this, args);
    return loss;
  }

  /** {@link step} without its hooks. */
  protected runStep<T>(closure?: () => T): T | undefined {
    if (closure !== undefined) requireKind('step', 'the closure', closure, FUNCTION);
    const loss = closure === undefined ? undefined : withGradMode(true, closure);
    withGradMode(false, () => {
      const recorder = activeRecorder();
      recorder?.guard(() => this.paramGroups.length);
      for (const group of this.paramGroups) {
        this.check(group);
        recorder?.precondition(() => this.check(group));
        recorder?.guard(() => group.params.length);
        for (const param of group.params) {
          if (param.grad === null) continue;
          const state = this.stateOf(param);
          recorder?.guard(() => this.state.get(param));
          follow(param, state);
          this.update(param, param.grad, group, state);
        }
      }
    });
    return loss;
  }

  /** What is remembered of a parameter, at first nothing. */
  protected stateOf(param: Tensor): ParamState {
    let state = this.state.get(param);
    if (state === undefined) this.state.set(param, (state = {}));
    return state;
  }

  /** A new tensor like `param`, for the state: zeros, or another number. It outlives memory scopes and recordings. */
  protected newState(param: Tensor, value = 0, shape: Dims = param.layout.shape): Tensor {
    const { dtype } = param.layout;
    // Written by the host: a kernel would have to be made first.
    const data = hostArray(dtype, numelOf(shape)) as Float32Array | Float64Array; // what requires gradients is floating point
    if (!Object.is(value, 0)) data.fill(value);
    const buffer = unrecorded(() => hostTensor(data, [...shape], dtype, param.storage.device));
    buffer.storage.kept = true;
    activeRecorder()?.adopt(buffer);
    return buffer;
  }

  /** What the saved state consists of; that of an optimizer of one's own may be anything. */
  protected stateForm(): StateForm {
    return { fields: ['lr'], fixed: {} };
  }

  /**
   * The state in PyTorch's form: what is remembered of each parameter by its number, and the groups. Saved to a `.pt` file, it is what
   * `load_state_dict` of the same optimizer in PyTorch takes. Tensors are the ones in use, not copies.
   * @see https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.state_dict.html
   * @example
   * import { nn, optim } from 'flambeau';
   * import { deserialize, serialize } from 'flambeau/files';
   * const model = new nn.Linear(2, 1);
   * const optimizer = new optim.Adam(model.parameters());
   * const bytes = serialize({ model: model.stateDict(), optimizer: optimizer.stateDict() });
   * const checkpoint = deserialize<Map<string, never>>(bytes);
   * optimizer.loadStateDict(checkpoint.get('optimizer'));
   */
  stateDict(): OptimizerState {
    for (const hook of this.#hooks.beforeSave) hook(this);
    let state = this.packed();
    for (const hook of this.#hooks.afterSave) state = hook(this, state) ?? state;
    return state;
  }

  /** {@link stateDict} without its hooks. */
  protected packed(): OptimizerState {
    return family('optimizer-states').packState(this.formWithWays(), this.paramGroups, this.state);
  }

  /** The form, with the ways to compute that the constructor was given. */
  protected formWithWays(): StateForm {
    const form = this.stateForm();
    return { ...form, fixed: { ...form.fixed, ...this.#ways } };
  }

  /**
   * Takes over state and hyperparameters; tensors are copied.
   * @param saved - what {@link stateDict} gave, or PyTorch's `state_dict()` of any version, as objects or as Maps from a file
   * @throws StateDictError when something does not fit: groups, shapes, dtypes, names, hyperparameters; nothing is changed then
   */
  loadStateDict(saved: OptimizerState | CheckpointValue | undefined): void {
    let state = saved;
    for (const hook of this.#hooks.beforeLoad) state = hook(this, state as OptimizerState) ?? state;
    this.unpack(state);
    for (const hook of this.#hooks.afterLoad) hook(this);
  }

  /** {@link loadStateDict} without its hooks. */
  protected unpack(saved: unknown): void {
    const { loadError, unpackState } = family('optimizer-states');
    const error = loadError(this.constructor.name);
    const { groups, state } = unpackState(this.stateForm(), this.paramGroups, saved, (group) => this.check(group), error);
    groups.forEach((group, i) => Object.assign(this.paramGroups[i]!, group));
    this.state.clear();
    for (const [param, values] of state) this.state.set(param, values);
  }

  /**
   * Runs `hook` before every step. Inside a compiled function hooks run while it is recorded: their tensor operations run again, nothing else.
   * @see https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.register_step_pre_hook.html
   */
  registerStepPreHook(hook: StepPreHook): HookHandle {
    return this.#hooks.beforeStep.add('registerStepPreHook', hook);
  }

  /** Runs `hook` after every step. */
  registerStepPostHook(hook: StepPostHook): HookHandle {
    return this.#hooks.afterStep.add('registerStepPostHook', hook);
  }

  /** Runs `hook` before every `stateDict()`. */
  registerStateDictPreHook(hook: PlainHook, options?: HookOptions): HookHandle {
    return this.#hooks.beforeSave.add('registerStateDictPreHook', hook, options);
  }

  /** Runs `hook` after every `stateDict()`; what it returns, if anything, is what is saved. */
  registerStateDictPostHook(hook: StateHook, options?: HookOptions): HookHandle {
    return this.#hooks.afterSave.add('registerStateDictPostHook', hook, options);
  }

  /** Runs `hook` before every `loadStateDict()`; what it returns, if anything, is what is loaded. */
  registerLoadStateDictPreHook(hook: StateHook, options?: HookOptions): HookHandle {
    return this.#hooks.beforeLoad.add('registerLoadStateDictPreHook', hook, options);
  }

  /** Runs `hook` after every `loadStateDict()`. */
  registerLoadStateDictPostHook(hook: PlainHook, options?: HookOptions): HookHandle {
    return this.#hooks.afterLoad.add('registerLoadStateDictPostHook', hook, options);
  }

  /** As PyTorch prints it. */
  toString(): string {
    const { name } = this.constructor;
    const print = familyIfAny('optimizer-states')?.printGroup;
    if (print === undefined) return `${name} (...) # import 'flambeau/families/optimizer-states' prints its groups`;
    return `${name} (\n${this.paramGroups.map((group, i) => print(this.formWithWays(), group, i)).join('\n\n')}\n)`;
  }

  /** @internal Vue's sign for objects that `reactive` leaves as they are: a proxy around one with private fields cannot work. */
  get __v_skip(): true {
    return true;
  }

  [inspectSymbol](): string {
    return this.toString();
  }
}

const PARAMETERS = kind(
  'tensors or groups of them',
  // a tensor can be gone through, too, and so can a proxy of one
  (value) =>
    typeof value === 'object' && value !== null && !(value instanceof Tensor) && !ArrayBuffer.isView(value) && ITERABLE.accepts(value),
);
const ZERO_GRAD = signature<{ setToNone?: boolean }>('zeroGrad', { setToNone: BOOL });

/** A group's parameters, and its hyperparameters: those that the optimizer has. Their ranges are the optimizer's to check. */
function groupOptions(optimizer: string, options: unknown, defaults: object): { params: Tensor[] } {
  const kinds = Object.fromEntries(['params', 'initialLr', ...Object.keys(defaults)].map((key) => [key, ANYTHING]));
  const example = '{ params: model.fc.parameters(), lr: 0.01 }';
  if (isTensor(options) || options === undefined) throw wrongArgument(optimizer, 'a group', 'an object', options, `write ${example}`);
  const given = requireOptions<Record<string, unknown>>(optimizer, options, kinds, example);
  requireKind(optimizer, 'params', given['params'], PARAMETERS, `write ${example}`);
  const params = [...(given['params'] as Iterable<unknown>)];
  for (const param of params) requireKind(optimizer, 'every parameter', param, TENSOR);
  return { ...given, params: params as Tensor[] };
}

/** Throws unless `low ≤ value` (NaN never is). */
export function atLeast(optimizer: string, name: string, value: number, low: number): void {
  if (typeof (value as unknown) !== 'number' || !(value >= low) || value === Infinity)
    throw wrongArgument(optimizer, name, `a finite number ≥ ${low}`, value);
}

/** Throws unless 0 ≤ value < 1. */
export function belowOne(optimizer: string, name: string, value: number): void {
  if (typeof (value as unknown) !== 'number' || !(value >= 0 && value < 1))
    throw new ArgumentError(`${optimizer}: expected ${name} to be in [0, 1), but got ${show(value)}`);
}

/** Brings state to where its parameter is by now: models move, and their optimizers with them. */
function follow({ storage: { device } }: Tensor, state: ParamState): void {
  for (const name in state) {
    const value = state[name];
    if (!isTensor(value) || value.storage.device === device) continue;
    const there = unrecorded(() => moved(value, device));
    there.storage.kept = true;
    activeRecorder()?.adopt(there);
    state[name] = there;
  }
}
