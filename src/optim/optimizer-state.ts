/**
 * The state of optimizers as PyTorch has it (https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.state_dict.html): parameters by
 * their number, groups with PyTorch's names. Saving makes what `load_state_dict` of PyTorch takes; loading takes what PyTorch saves, of any
 * version, and what 0.1 of this library saved. All of it is checked before anything is changed.
 */
import { isFloating } from '../base/dtype.ts';
import { FlambeauError } from '../base/errors.ts';
import { pythonFloat } from '../base/python-format.ts';
import { sameDims, showShape, type Dims } from '../base/shape.ts';
import { tensor } from '../tensor/create.ts';
import { inWords } from '../tensor/in-words.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { ParamState } from './optimizer.ts';
import { count, items, members, number, type MakeError } from './saved-state.ts';

/** A hyperparameter in a saved group. */
export type GroupValue = number | boolean | string | null | readonly (number | null)[];

/** As PyTorch's `state_dict()`: what is remembered of each parameter by its number, and the groups, whose `params` are such numbers. */
export type OptimizerState = {
  readonly state: ReadonlyMap<number, Readonly<Record<string, Tensor>>>;
  readonly param_groups: readonly Readonly<Record<string, GroupValue>>[];
};

/** What an optimizer's saved state consists of. */
export interface StateForm {
  /** PyTorch's names of a group's members, in its order. */
  readonly fields: readonly string[];
  /** Those of them that say how PyTorch computes, with the values it writes; they mean nothing here. */
  readonly fixed: Readonly<Record<string, boolean | null>>;
  /** Those of them that stay as they are here, whatever the state says. */
  readonly always?: ReadonlySet<string>;
  /** Whole defaults that are floats in Python, and print as such. */
  readonly floats?: Readonly<Record<string, number>>;
  /** Names of numbers of the state beside the count of steps, which PyTorch keeps as tensors. */
  readonly numbers?: readonly string[];
  /** The shape of a tensor of the state, where it is not the parameter's. */
  readonly shapeOf?: (name: string, shape: Dims) => Dims;
  /** Names of tensors of the state; undefined when all names are welcome. */
  readonly tensors?: readonly string[];
  /** Of these, the ones that a group's parameters cannot do without once they have a state. */
  readonly needed?: (group: object) => readonly string[];
}

/** Names of hyperparameters here, where PyTorch's differ. */
const PYTORCH: Readonly<Record<string, string>> = {
  weightDecay: 'weight_decay',
  decoupledWeightDecay: 'decoupled_weight_decay',
  initialLr: 'initial_lr',
  maxLr: 'max_lr',
  minLr: 'min_lr',
  maxMomentum: 'max_momentum',
  baseMomentum: 'base_momentum',
  momentumDecay: 'momentum_decay',
  lrDecay: 'lr_decay',
  initialAccumulatorValue: 'initial_accumulator_value',
  stepSizes: 'step_sizes',
  beta2Decay: 'beta2_decay',
  nsCoefficients: 'ns_coefficients',
  nsSteps: 'ns_steps',
  adjustLrFn: 'adjust_lr_fn',
  maxIter: 'max_iter',
  maxEval: 'max_eval',
  toleranceGrad: 'tolerance_grad',
  toleranceChange: 'tolerance_change',
  historySize: 'history_size',
  lineSearchFn: 'line_search_fn',
  swaLr: 'swa_lr',
};
const OURS = new Map(Object.entries(PYTORCH).map(([ours, theirs]) => [theirs, ours]));

/** Ways to compute that PyTorch's groups have had; results do not depend on them. */
const WAYS = new Set(['foreach', 'fused', 'capturable', 'differentiable']);

/** The count of steps, which PyTorch keeps as a tensor. */
const STEP = 'step';

interface Group {
  readonly params: readonly Tensor[];
}

/** What is saved. Tensors are the ones in use, not copies. */
export function packState(form: StateForm, groups: readonly Group[], state: ReadonlyMap<Tensor, ParamState>): OptimizerState {
  const numbers = new Map(groups.flatMap((group) => group.params).map((param, i) => [param, i]));
  const packed = [...state].filter(([, values]) => Object.keys(values).length > 0).map(([param, values]) => {
    const entries = Object.entries(values).map(([name, value]) => [name, typeof value === 'number' ? tensor(value, { dtype: 'float32', device: 'cpu' }) : value] as const);
    // PyTorch writes the count first.
    entries.sort(([a], [b]) => Number(b === STEP) - Number(a === STEP));
    return [numbers.get(param)!, Object.fromEntries(entries)] as const;
  }); // prettier-ignore
  packed.sort(([a], [b]) => a - b);
  return { state: new Map(packed), param_groups: groups.map((group) => packGroup(form, group, numbers)) };
}

function packGroup(form: StateForm, group: Group, numbers: ReadonlyMap<Tensor, number>): Record<string, GroupValue> {
  return { ...packHyperparameters(form, group), params: group.params.map((param) => numbers.get(param)!) };
}

/** A group's hyperparameters by PyTorch's names, in its order. */
function packHyperparameters(form: StateForm, { params: _, ...rest }: Group): Record<string, GroupValue> {
  const values = new Map(Object.entries(rest).map(([name, value]) => [PYTORCH[name] ?? name, value as GroupValue]));
  const all = new Map<string, GroupValue>(Object.entries(form.fixed));
  for (const [name, value] of values) all.set(name, value);
  const packed: Record<string, GroupValue> = {};
  for (const name of [...form.fields.filter((field) => all.has(field)), ...all.keys()]) packed[name] = all.get(name)!;
  return packed;
}

/** A group as PyTorch prints it. */
export function printGroup(form: StateForm, group: Group, i: number): string {
  const entries = Object.entries(packHyperparameters(form, group)).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = entries.map(([name, value]) => `    ${name}: ${pythonText(value, name === 'betas' || form.floats?.[name] === value)}`);
  return [`Parameter Group ${i}`, ...lines].join('\n');
}

/** A hyperparameter in Python's words. */
function pythonText(value: GroupValue | undefined, float: boolean): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return Number.isInteger(value) && !float ? String(value) : pythonFloat(value);
  if (typeof value === 'string') return value;
  return `(${value.map((item) => pythonText(item, float)).join(', ')})`;
}

/** What {@link unpackState} found, ready to be put in place. */
export interface Unpacked {
  readonly groups: readonly object[];
  readonly state: ReadonlyMap<Tensor, ParamState>;
}

/**
 * Checks saved state against an optimizer and copies its tensors; the optimizer stays as it is.
 * @param check - checks the hyperparameters of a group
 * @throws StateDictError that says what does not fit
 */
export function unpackState<G extends Group>(
  form: StateForm,
  groups: readonly G[],
  saved: unknown,
  check: (group: G) => void,
  error: MakeError,
): Unpacked {
  const parts = members(saved, 'the state', error);
  const list = items(parts.get('param_groups') ?? parts.get('paramGroups'), 'param_groups', error);
  const theirs = list.map((group, i) => members(group, `param_groups[${i}]`, error));
  const params = numbered(groups, theirs, error);
  const merged = groups.map((group, i) => {
    const values = unpackGroup(form, group, theirs[i]!, `param_groups[${i}]`, error);
    const next = { ...group, ...values };
    checked(() => check(next), error);
    return next;
  });
  const state = new Map<Tensor, ParamState>();
  for (const [key, values] of members(parts.get('state'), 'state', error)) {
    const found = params.get(key);
    if (found === undefined) {
      throw error(
        `state for parameter ${key}, but the groups have ${params.size} with the numbers ${[...params.keys()].slice(0, 8).join(', ')}${params.size > 8 ? ', …' : ''}`,
      );
    }
    const entries = members(values, `state[${key}]`, error);
    const one = unpackEntries(form, found.param, merged[found.group]!, entries, `state[${key}]`, error);
    if (Object.keys(one).length > 0) state.set(found.param, one);
  }
  return { groups: merged, state };
}

/** The parameters by the numbers that the saved groups give them: PyTorch before 1.5 gave them any. */
function numbered(
  groups: readonly Group[],
  theirs: readonly ReadonlyMap<string, unknown>[],
  error: MakeError,
): Map<string, { readonly param: Tensor; readonly group: number }> {
  const lists = theirs.map((group, i) => items(group.get('params'), `param_groups[${i}].params`, error));
  const [mine, saved] = [groups.map(({ params }) => params.length), lists.map((list) => list.length)];
  if (mine.join() !== saved.join())
    throw error(`the saved groups have [${saved.join(', ')}] parameters, the optimizer's [${mine.join(', ')}]`);
  const params = new Map<string, { readonly param: Tensor; readonly group: number }>();
  groups.forEach((group, i) => {
    group.params.forEach((param, at) => {
      const key = lists[i]![at];
      if (typeof key !== 'number' && typeof key !== 'bigint')
        throw error(`param_groups[${i}].params holds ${inWords(key)}; expected numbers`);
      if (params.has(String(key))) throw error(`param_groups name parameter ${key} twice`);
      params.set(String(key), { param, group: i });
    });
  });
  return params;
}

/** A group's hyperparameters under the names that they have here. */
function unpackGroup(form: StateForm, group: object, saved: ReadonlyMap<string, unknown>, where: string, error: MakeError): object {
  if (!saved.has('lr')) throw error(`${where} has no lr`);
  const values: Record<string, unknown> = {};
  for (const [name, value] of saved) {
    if (name === 'params' || WAYS.has(name) || form.always?.has(name) === true) continue;
    const own = name in group ? name : (OURS.get(name) ?? name);
    values[own] = like((group as Record<string, unknown>)[own], value, `${where}.${name}`, error);
  }
  return values;
}

/** A value of the kind that is there already. */
function like(own: unknown, value: unknown, where: string, error: MakeError): unknown {
  if (typeof own === 'number') return number(value, where, error);
  if (typeof own === 'boolean' && typeof value !== 'boolean') throw error(`${where} is ${inWords(value)}; expected true or false`);
  if (!Array.isArray(own)) return value;
  const list = items(value, where, error);
  if (list.length !== own.length) throw error(`${where} has ${list.length} numbers; expected ${own.length}`);
  return list.map((item, i) => (item === null && own.includes(null) && i === 0 ? null : number(item, where, error)));
}

function unpackEntries(
  form: StateForm,
  param: Tensor,
  group: object,
  saved: ReadonlyMap<string, unknown>,
  where: string,
  error: MakeError,
): ParamState {
  const entries: ParamState = {};
  for (const [name, value] of saved) {
    if (value === null) continue; // a momentum of nothing, as PyTorch wrote it
    if (name === STEP) entries[name] = count(value, `${where}.step`, 0, error);
    else if (form.numbers?.includes(name) === true) entries[name] = number(value, `${where}.${name}`, error);
    else if (form.tensors !== undefined && !form.tensors.includes(name))
      throw error(`${where} has ${JSON.stringify(name)}, which this optimizer does not know`);
    else entries[name] = copyFor(param, form.shapeOf?.(name, param.layout.shape) ?? param.layout.shape, value, `${where}.${name}`, error);
  }
  const missing = Object.keys(entries).length === 0 ? [] : (form.needed?.(group) ?? []).filter((name) => !(name in entries));
  if (missing.length > 0) throw error(`${where} has no ${missing.join(', ')}`);
  return entries;
}

/** A copy of a tensor that is to go with a parameter, of its dtype. */
function copyFor(param: Tensor, shape: Dims, value: unknown, where: string, error: MakeError): Tensor {
  const { dtype } = param.layout;
  if (!(value instanceof Tensor) || !sameDims(value.layout.shape, shape) || !isFloating(value.dtype))
    throw error(`${where} is ${inWords(value)}; expected one of ${dtype} and shape ${showShape(shape)}`);
  const copy = value.detach().to(dtype).clone();
  copy.storage.kept = true;
  return copy;
}

/** Hyperparameters out of range are a matter of the saved state here. */
function checked(check: () => void, error: MakeError): void {
  try {
    check();
  } catch (cause) {
    if (!(cause instanceof FlambeauError)) throw cause;
    throw error(cause.message);
  }
}
