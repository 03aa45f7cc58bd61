/** L-BFGS (https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html). */
import { BOOL, COUNT, oneOf, orNull, requireKind, FUNCTION } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { tensor, zeros } from '../tensor/create.ts';
import { cat } from '../tensor/functions.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { inWords } from '../tensor/in-words.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import { Tensor } from '../tensor/tensor.ts';
import { dot, largest, strongWolfe } from './line-search.ts';
import {
  Optimizer,
  type BaseHyperparameters,
  type ParamGroup,
  type ParamGroupOptions,
  type Params,
  type ParamsOrAll,
} from './optimizer.ts';
import { packState, unpackState, type OptimizerState, type StateForm } from './optimizer-state.ts';
import { AT_LEAST_0, checkGroup, optimizerSignature, readOptimizer } from './options.ts';
import { count, items, loadError, members, number, type MakeError } from './saved-state.ts';

export interface LBFGSHyperparameters extends BaseHyperparameters {
  /** Iterations in a step. */
  maxIter: number;
  /** Calls of the closure in a step; 1.25 times the iterations where it is left out. */
  maxEval: number;
  /** Stop where no gradient is larger. */
  toleranceGrad: number;
  /** Stop where neither loss nor parameters change more. */
  toleranceChange: number;
  /** How many changes are remembered. */
  historySize: number;
  lineSearchFn: 'strong_wolfe' | null;
  maximize: boolean;
}
/** Defaults: lr 1, maxIter 20, maxEval 1.25·maxIter, toleranceGrad 1e-7, toleranceChange 1e-9, historySize 100, no line search. */
export type LBFGSOptions = Partial<Omit<LBFGSHyperparameters, 'maxEval'>> & { maxEval?: number | null };

const SIGNATURE = optimizerSignature(
  'LBFGS',
  {
    lr: AT_LEAST_0,
    maxIter: COUNT,
    maxEval: orNull(COUNT),
    toleranceGrad: AT_LEAST_0,
    toleranceChange: AT_LEAST_0,
    historySize: COUNT,
    lineSearchFn: orNull(oneOf('strong_wolfe')),
    maximize: BOOL,
  },
  7,
  "new optim.LBFGS(model.parameters(), { lr: 1, lineSearchFn: 'strong_wolfe' })",
);

const FORM: StateForm = {
  fields: ['lr', 'max_iter', 'max_eval', 'tolerance_grad', 'tolerance_change', 'history_size', 'line_search_fn', 'maximize'],
  fixed: {},
};

/** What is remembered from one step to the next. */
interface Memory {
  evaluations: number;
  iterations: number;
  direction?: Tensor;
  step: number;
  /** Changes of gradient and of parameters, the oldest first, and 1 / their products. */
  changes: Tensor[];
  moves: Tensor[];
  inverses: number[];
  /** The first guess of the inverse Hessian, a number on its diagonal. */
  diagonal: number;
  grad?: Tensor;
  loss?: number;
}

const fresh = (): Memory => ({
  evaluations: 0,
  iterations: 0,
  step: 0,
  changes: [],
  moves: [],
  inverses: [],
  diagonal: 1,
});

type Closure<T> = () => T;

/**
 * A quasi-Newton method for full batches (Nocedal & Wright, algorithm 7.5). Its step calls the closure several times, which clears the
 * gradients, computes the loss, calls `backward` and returns the loss. There is one group of parameters.
 * @see https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
 * @example
 * import { nn, optim, tensor } from 'flambeau';
 * const w = new nn.Parameter(tensor([3, -2]));
 * const optimizer = new optim.LBFGS([w], { lineSearchFn: 'strong_wolfe' });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = w.mul(w).sum();
 *   loss.backward();
 *   return loss;
 * });
 * if (w.square().sum().item() > 1e-9) throw new Error('not at the minimum');
 */
export class LBFGS extends Optimizer<LBFGSHyperparameters> {
  #memory = fresh();

  /** @throws ArgumentError for hyperparameters out of range, or several groups */
  constructor(
    params: ParamsOrAll<LBFGSHyperparameters, LBFGSOptions>,
    lr?: number | LBFGSOptions,
    maxIter?: number | LBFGSOptions,
    maxEval?: number | null | LBFGSOptions,
    toleranceGrad?: number | LBFGSOptions,
    toleranceChange?: number | LBFGSOptions,
    historySize?: number | LBFGSOptions,
    lineSearchFn?: 'strong_wolfe' | null | LBFGSOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given } = readOptimizer<Params<LBFGSHyperparameters>, LBFGSOptions>(SIGNATURE, args);
    const maxIter = given.maxIter ?? 20;
    const maxEval = given.maxEval ?? Math.floor((maxIter * 5) / 4);
    const defaults = { lr: 1, maxIter, maxEval, toleranceGrad: 1e-7, toleranceChange: 1e-9, historySize: 100 };
    super(params, { ...defaults, lineSearchFn: null, maximize: false, ...given, maxEval });
  }

  protected override check(group: LBFGSHyperparameters): void {
    checkGroup(SIGNATURE, group);
  }

  protected override stateForm(): StateForm {
    return FORM;
  }

  override addParamGroup(options: ParamGroupOptions<LBFGSHyperparameters>): void {
    if (this.paramGroups.length > 0) throw new ArgumentError('LBFGS: there can be only one group of parameters');
    super.addParamGroup(options);
  }

  protected override update(): void {
    // All parameters move together: see runStep.
  }

  /** @returns the loss at the beginning of the step */
  protected override runStep<T>(closure?: Closure<T>): T {
    requireKind('LBFGS.step', 'the closure', closure, FUNCTION, 'write optimizer.step(() => { …; return loss; })');
    forbidWhileRecording('LBFGS.step: it decides by the loss how to go on', 'compile the closure instead');
    const group = this.paramGroups[0]!;
    this.check(group);
    let first: { readonly value: T } | undefined;
    const evaluate = (): { loss: number; grad: Tensor } => {
      const value = withGradMode(true, closure!);
      first ??= { value };
      return { loss: (group.maximize ? -1 : 1) * lossOf(value), grad: flatGrad(group) };
    };
    withGradMode(false, () => run(group, this.#memory, evaluate));
    return first!.value;
  }

  /** The state of the whole is the first parameter's, as in PyTorch. */
  protected override packed(): OptimizerState {
    const { param_groups: groups } = packState(FORM, this.paramGroups, new Map());
    const state = this.#memory.evaluations === 0 ? [] : [[0, packMemory(this.#memory)] as const];
    return { state: new Map(state), param_groups: groups } as unknown as OptimizerState;
  }

  protected override unpack(saved: unknown): void {
    const error = loadError('LBFGS');
    const parts = members(saved, 'the state', error);
    const entries = members(parts.get('state'), 'state', error);
    for (const key of entries.keys()) if (key !== '0') throw error(`state for parameter ${key}; all of it is the first parameter's`);
    const plain = new Map([...parts, ['state', new Map()]]);
    const { groups } = unpackState(FORM, this.paramGroups, plain, (group) => this.check(group), error);
    const memory = entries.has('0') ? unpackMemory(members(entries.get('0'), 'state[0]', error), this.paramGroups[0]!, error) : fresh();
    Object.assign(this.paramGroups[0]!, groups[0]);
    this.#memory = memory;
  }
}

type Group = ParamGroup<LBFGSHyperparameters>;

function lossOf(value: unknown): number {
  const loss = isTensor(value) && value.layout.numel === 1 ? value.item() : value;
  if (typeof loss !== 'number') throw new ArgumentError(`LBFGS.step: expected the closure to return the loss, but got ${inWords(value)}`);
  return loss;
}

function flatGrad({ params, maximize }: Group): Tensor {
  const all = params.map(({ grad, dtype, device, layout }) => grad?.reshape(-1) ?? zeros([layout.numel], { dtype, device }));
  const flat: Tensor = cat(all as Tensor[]);
  return maximize ? flat.neg() : flat;
}

/** Moves the parameters along a direction. */
function move({ params }: Group, step: number, direction: Tensor): void {
  let at = 0;
  for (const param of params) {
    const { numel, shape } = param.layout;
    param.add_(direction.narrow(0, at, numel).reshape(...shape), { alpha: step });
    at += numel;
  }
}

/** One step: iterations until one of the limits is reached. */
function run(group: Group, memory: Memory, evaluate: () => { loss: number; grad: Tensor }): void {
  const { maxIter, maxEval, toleranceGrad, toleranceChange, lr, lineSearchFn } = group;
  let { loss, grad } = evaluate();
  let calls = 1;
  memory.evaluations++;
  if (largest(grad) <= toleranceGrad) return;
  for (let round = 1; round <= maxIter; round++) {
    memory.iterations++;
    const direction = (memory.direction = directionOf(group, memory, grad));
    memory.grad = grad.clone();
    memory.loss = loss;
    memory.step = memory.iterations === 1 ? Math.min(1, 1 / grad.abs().sum().item()) * lr : lr;
    const slope = dot(grad, direction);
    if (slope > -toleranceChange) return;
    let used = 0;
    if (lineSearchFn !== null) {
      const start = group.params.map((param) => param.detach().clone());
      const along = (step: number): { loss: number; grad: Tensor } => {
        move(group, step, direction);
        const found = evaluate();
        group.params.forEach((param, i) => param.copy_(start[i]!));
        return found;
      };
      const found = strongWolfe({ evaluate: along, direction, loss, grad, slope, firstStep: memory.step, toleranceChange, most: maxEval - calls }); // prettier-ignore
      ({ loss, grad } = found);
      memory.step = found.step;
      used = found.evaluations;
      move(group, memory.step, direction);
    } else {
      move(group, memory.step, direction);
      if (round !== maxIter) {
        ({ loss, grad } = evaluate());
        used = 1;
      }
    }
    calls += used;
    memory.evaluations += used;
    if (calls >= maxEval || largest(grad) <= toleranceGrad) return;
    if (largest(direction) * Math.abs(memory.step) <= toleranceChange) return;
    if (Math.abs(loss - memory.loss) < toleranceChange) return;
  }
}

/** Where to go: the gradient downhill, times what is known of the inverse Hessian. */
function directionOf({ historySize }: Group, memory: Memory, grad: Tensor): Tensor {
  if (memory.iterations === 1) {
    Object.assign(memory, { changes: [], moves: [], inverses: [], diagonal: 1 });
    return grad.neg();
  }
  const change = grad.sub(memory.grad!);
  const moved = memory.direction!.mul(memory.step);
  const product = dot(change, moved);
  if (product > 1e-10) {
    const full = memory.changes.length === historySize;
    if (full) for (const list of [memory.changes, memory.moves, memory.inverses]) list.shift();
    memory.changes.push(change);
    memory.moves.push(moved);
    memory.inverses.push(1 / product);
    memory.diagonal = product / dot(change, change);
  }
  const { changes, moves, inverses } = memory;
  const weights: number[] = [];
  let q = grad.neg();
  for (let i = changes.length - 1; i >= 0; i--) {
    weights[i] = dot(moves[i]!, q) * inverses[i]!;
    q = q.add(changes[i]!, { alpha: -weights[i]! });
  }
  let direction = q.mul(memory.diagonal);
  for (let i = 0; i < changes.length; i++) {
    const back = dot(changes[i]!, direction) * inverses[i]!;
    direction = direction.add(moves[i]!, { alpha: weights[i]! - back });
  }
  return direction;
}

/** By PyTorch's names. */
function packMemory(memory: Memory): Record<string, unknown> {
  const { evaluations, iterations, direction, step, changes, moves, inverses, diagonal, grad, loss } = memory;
  const counts = { func_evals: evaluations, n_iter: iterations };
  if (direction === undefined) return counts;
  const scalar = (value: number): Tensor => tensor(value, { dtype: direction.dtype, device: direction.device });
  return {
    ...counts,
    d: direction,
    t: step,
    old_dirs: changes,
    old_stps: moves,
    ro: inverses.map(scalar),
    H_diag: changes.length === 0 ? diagonal : scalar(diagonal),
    prev_flat_grad: grad,
    prev_loss: loss,
  };
}

function unpackMemory(saved: ReadonlyMap<string, unknown>, { params }: Group, error: MakeError): Memory {
  const memory = fresh();
  memory.evaluations = count(saved.get('func_evals'), 'func_evals', 0, error);
  memory.iterations = count(saved.get('n_iter'), 'n_iter', 0, error);
  if (saved.get('d') === undefined) return memory;
  const size = params.reduce((sum, { layout }) => sum + layout.numel, 0);
  const flat = (value: unknown, what: string): Tensor => {
    if (!(value instanceof Tensor) || value.ndim !== 1 || value.layout.numel !== size)
      throw error(`${what} is ${inWords(value)}; expected a tensor of ${size} elements`);
    const copy = value.detach().to(params[0]!.dtype).clone();
    copy.storage.kept = true;
    return copy;
  };
  const list = (name: string): readonly unknown[] => items(saved.get(name), name, error);
  memory.direction = flat(saved.get('d'), 'd');
  memory.step = number(saved.get('t'), 't', error);
  memory.changes = list('old_dirs').map((value) => flat(value, 'old_dirs'));
  memory.moves = list('old_stps').map((value) => flat(value, 'old_stps'));
  memory.inverses = list('ro').map((value) => number(value, 'ro', error));
  if (memory.moves.length !== memory.changes.length || memory.inverses.length !== memory.changes.length)
    throw error('old_dirs, old_stps and ro are not equally long');
  memory.diagonal = number(saved.get('H_diag'), 'H_diag', error);
  memory.grad = flat(saved.get('prev_flat_grad'), 'prev_flat_grad');
  memory.loss = number(saved.get('prev_loss'), 'prev_loss', error);
  return memory;
}
