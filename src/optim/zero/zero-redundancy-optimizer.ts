/** An optimizer whose state is divided among processes (Rajbhandari et al., "ZeRO", SC 2020, arXiv:1910.02054, stage 1), as PyTorch divides it. */
import { BOOL, isRecord, ITERABLE, kind, requireKind, SIZE } from '../../base/arguments.ts';
import { ArgumentError, DistributedError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
import { requireAlike } from '../../distributed/alike.ts';
import { isJoining } from '../../distributed/joining.ts';
import type { ProcessGroup } from '../../distributed/process-group.ts';
import { requireGroup } from '../../distributed/world.ts';
import { activeRecorder, forbidWhileRecording } from '../../tensor/recorder.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import '../families/optimizer-states.ts';
import { LBFGS } from '../lbfgs.ts';
import { Optimizer, type BaseHyperparameters, type ParamGroupOptions, type Params, type ParamState } from '../optimizer.ts';
import type { OptimizerState } from '../optimizer-state.ts';
import { PARAMS, type WayOptions } from '../options.ts';
import { exchange, gatherInBuckets, type Bucket } from './buckets.ts';
import { consolidated } from './consolidate.ts';
import { partitioned } from './partition.ts';
import { shareOf } from './share.ts';

const NAME = 'ZeroRedundancyOptimizer';

/** What {@link ZeroRedundancyOptimizer} takes beside the hyperparameters of the optimizer that it divides. */
export interface ZeroRedundancyOptions {
  /** Only null: the group is that of all processes. */
  readonly processGroup?: null;
  /** Whether parameters move into one tensor, of which each rank has a part, so that all travel at once: quicker, but what saw their memory before sees them no more. Default false. */
  readonly parametersAsBucketView?: boolean;
  /** Only false: steps do not begin before the backward pass has ended. */
  readonly overlapWithDdp?: false;
}

/** A class of optimizers that takes parameters, and hyperparameters by name. */
export type OptimizerClass<H extends BaseHyperparameters> = new (params: never, options?: never) => Optimizer<H>;

interface ZeroCall<H extends BaseHyperparameters> extends ZeroRedundancyOptions {
  readonly params: Params<H>;
  readonly optimizerClass: OptimizerClass<H>;
}

const CLASS = kind(
  'a class of optimizers, such as optim.Adam',
  (value) => typeof value === 'function' && value.prototype instanceof Optimizer,
);
const NO_GROUP = kind('null: there are no groups of some processes yet', (value) => value === null);
const NO_OVERLAP = kind('false: steps do not begin before the backward pass has ended', (value) => value === false);
const CALL = signature<ZeroCall<BaseHyperparameters>>(
  NAME,
  { params: PARAMS, optimizerClass: CLASS, processGroup: NO_GROUP, parametersAsBucketView: BOOL, overlapWithDdp: NO_OVERLAP },
  { required: 2, example: 'new dist.optim.ZeroRedundancyOptimizer(model.parameters(), optim.Adam, { lr: 0.001 })' },
);

/** What is meant for this class, and what for the optimizer that it divides: the rest of what is given by name. */
function readZero(args: readonly unknown[]): { readonly call: ZeroCall<BaseHyperparameters>; readonly given: Record<string, unknown> } {
  const last = args.at(-1);
  if (!isRecord(last) || typeof last === 'function' || ITERABLE.accepts(last)) return { call: readCall(CALL, args), given: {} };
  const entries = Object.entries(last);
  const own = Object.fromEntries(entries.filter(([name]) => name in CALL.kinds));
  const given = Object.fromEntries(entries.filter(([name, value]) => !(name in CALL.kinds) && value !== undefined));
  return { call: readCall(CALL, [...args.slice(0, -1), own]), given };
}

/** An optimizer of all parameters. It checks what is given, has the whole groups and packs whole states, but makes no steps. */
function wholeOf<H extends BaseHyperparameters>(made: OptimizerClass<H>, params: unknown, given: Record<string, unknown>): Optimizer<H> {
  if (made.prototype instanceof LBFGS || (made as unknown) === LBFGS)
    throw new ArgumentError(
      `${NAME}: LBFGS moves all parameters together, as far as all of their gradients say, so they cannot be divided among ranks; use it as it is`,
    );
  const whole = instanceOf(made, params, given);
  const defaults = whole.defaults as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(given)) {
    if (name in defaults && typeof defaults[name] !== typeof value)
      throw new ArgumentError(`${NAME}: ${made.name} has not taken ${name}; write its constructor as constructor(params, { ${name}, … })`);
  }
  whole.state.clear();
  return whole;
}

function instanceOf<H extends BaseHyperparameters>(made: OptimizerClass<H>, params: unknown, given: Record<string, unknown>): Optimizer<H> {
  const Made = made as unknown as new (params: unknown, options?: object) => Optimizer<H>;
  return Object.keys(given).length === 0 ? new Made(params) : new Made(params, given);
}

/**
 * Wraps an optimizer so that each rank keeps the state of its share of the parameters only: with Adam and four ranks, half a model's size in the place
 * of two. Each rank updates its share and gives it to the others, so that all have the same parameters as with the optimizer itself. Gradients have to
 * be the same in all ranks before a step, as `nn.parallel.DistributedDataParallel` makes them. Without other processes it is the optimizer itself.
 *
 * What is not in its own options goes to the optimizer's constructor. Groups, schedules, `GradScaler`, clipping and compiled steps are as ever; a group
 * is added in all ranks. `state` is this rank's share.
 * @throws DistributedError before `initProcessGroup()`, and where the ranks' parameters differ; ArgumentError for `LBFGS`, which moves all parameters together
 * @see https://pytorch.org/docs/stable/distributed.optim.html#torch.distributed.optim.ZeroRedundancyOptimizer
 * @example
 * import { nn, optim, randn } from 'flambeau';
 * import * as dist from 'flambeau/distributed';
 *
 * dist.initProcessGroup(); // mpirun -n 4 node program.mjs
 * const model = new nn.parallel.DistributedDataParallel(new nn.Linear(4, 2));
 * const optimizer = new dist.optim.ZeroRedundancyOptimizer(model.parameters(), optim.Adam, { lr: 0.01 });
 * optimizer.zeroGrad();
 * model(randn(8, 4)).sum().backward();
 * optimizer.step();
 * optimizer.consolidateStateDict(0); // all ranks bring their shares to rank 0
 * if (dist.getRank() === 0) console.log(optimizer.stateDict().state.size); // 2
 * dist.destroyProcessGroup();
 */
export class ZeroRedundancyOptimizer<H extends BaseHyperparameters = BaseHyperparameters> extends Optimizer<H> {
  /** This rank's optimizer, of its share of the parameters. */
  readonly optim: Optimizer<H>;
  readonly parametersAsBucketView: boolean;
  readonly #group: ProcessGroup;
  readonly #whole: Optimizer<H>;
  /** Of each rank, its parameters, group by group. */
  #shares: readonly (readonly Tensor[])[] = [];
  /** Where parameters lie side by side. */
  readonly #buckets: Bucket[] = [];
  /** What all ranks remember, as of the last {@link consolidateStateDict} that brought it here. */
  #consolidated: ReadonlyMap<Tensor, ParamState> | undefined;

  constructor(
    params: Params<H> | (ZeroCall<H> & Partial<H> & WayOptions),
    optimizerClass?: OptimizerClass<H> | (Omit<ZeroCall<H>, 'params'> & Partial<H> & WayOptions),
    options?: (ZeroRedundancyOptions & Partial<H> & WayOptions) | null,
    ...more: readonly unknown[]
  );
  constructor(...args: readonly unknown[]) {
    const { call, given } = readZero(args);
    const group = requireGroup(NAME);
    const made = call.optimizerClass as unknown as OptimizerClass<H>;
    const whole = wholeOf(made, call.params, given);
    super(whole.paramGroups, whole.defaults);
    this.#group = group;
    this.#whole = whole;
    this.paramGroups = whole.paramGroups;
    this.parametersAsBucketView = call.parametersAsBucketView ?? false;
    this.#requireAlike(made.name);
    const mine = this.#divide().map((own, i) => ({ ...this.paramGroups[i]!, params: own }));
    this.optim = instanceOf(made, mine, given);
    this.optim.paramGroups = this.optim.paramGroups.map(({ params }, i) => shareOf(this.paramGroups[i]!, params));
    (this as { state: Map<Tensor, ParamState> }).state = this.optim.state;
    this.#moveTogether(this.paramGroups.flatMap((each) => each.params));
  }

  /** @throws DistributedError where ranks have other parameters than rank 0 */
  #requireAlike(optimizer: string): void {
    const described: Record<string, string> = { 'the optimizer': optimizer };
    this.paramGroups.forEach(({ params }, at) =>
      params.forEach(({ layout }, i) => (described[`parameter ${i} of group ${at}`] = `${layout.dtype} [${layout.shape.join(', ')}]`)),
    );
    requireAlike(NAME, 'parameters', described, 'give the same ones in all ranks, in the same order');
  }

  /** Divides the parameters; this rank's, group by group. */
  #divide(): Tensor[][] {
    const ranks = partitioned(
      this.paramGroups.map(({ params }) => params),
      this.#group.size,
    );
    this.#shares = ranks.map((groups) => groups.flat());
    return ranks[this.#group.rank]!;
  }

  #moveTogether(params: readonly Tensor[]): void {
    if (!this.parametersAsBucketView) return;
    const fresh = new Set(params.filter((param) => param.requiresGrad));
    this.#buckets.push(...gatherInBuckets(this.#shares.map((share) => share.filter((param) => fresh.has(param)))));
  }

  /** Adds parameters, in all ranks alike, and divides them. */
  override addParamGroup(options: ParamGroupOptions<H>): void {
    if (!(#whole in this)) {
      super.addParamGroup(options); // the constructor of all optimizers
      return;
    }
    this.#whole.addParamGroup(options);
    this.#requireAlike(this.optim.constructor.name);
    const added = this.paramGroups.at(-1)!;
    const params = this.#divide().at(-1)!;
    this.optim.addParamGroup({ ...added, params });
    this.optim.paramGroups[this.optim.paramGroups.length - 1] = shareOf(added, params);
    this.#moveTogether(added.params);
  }

  /** Steps with this rank's share, and brings all shares to all ranks. */
  protected override runStep<T>(closure?: () => T): T | undefined {
    if (isJoining() && this.#group.size > 1)
      throw new DistributedError(
        `${NAME}.step: inside of model.join() ranks that are done take no part in it; give all ranks as many batches, as data.DistributedSampler does`,
      );
    const loss = this.optim.step(closure);
    if (this.#group.size === 1) return loss;
    const recorder = activeRecorder();
    recorder?.guard(() => this.#shares.map((share) => share.map((param) => Number(param.requiresGrad)).join('')).join(' '));
    // What is frozen and has no gradient has not changed.
    const changed = this.#shares.map((share) => share.filter((param) => param.requiresGrad || param.grad !== null));
    exchange(changed, this.#buckets);
    return loss;
  }

  /**
   * Brings copies of all ranks' states to rank `to`, for {@link stateDict} there. All ranks call it.
   * @see https://pytorch.org/docs/stable/distributed.optim.html#torch.distributed.optim.ZeroRedundancyOptimizer.consolidate_state_dict
   */
  consolidateStateDict(to = 0): void {
    const op = `${NAME}.consolidateStateDict`;
    requireKind(op, 'to', to, SIZE);
    if (to >= this.#group.size) throw new ArgumentError(`${op}: expected to to be a rank below ${this.#group.size}, but got ${to}`);
    forbidWhileRecording(`${op}: it looks at what there is`, 'call it outside');
    if (this.#group.size === 1) return;
    const params = this.paramGroups.flatMap((group) => group.params);
    this.#consolidated = consolidated(op, params, this.state, to);
  }

  /** @throws DistributedError where the state of all ranks was not brought to this one */
  protected override packed(): OptimizerState {
    const { rank, size } = this.#group;
    const states = size === 1 ? this.state : this.#consolidated;
    if (states === undefined)
      throw new DistributedError(
        `${NAME}.stateDict: rank ${rank} has the state of its own share only; call consolidateStateDict(${rank}) in all ranks before, and stateDict() in rank ${rank}`,
      );
    return this.#withStates(states, () => this.#whole.stateDict());
  }

  protected override unpack(saved: unknown): void {
    this.#withStates(new Map(), () => {
      this.#whole.loadStateDict(saved as OptimizerState);
      const mine = new Set(this.#shares[this.#group.rank]);
      this.state.clear();
      for (const [param, state] of this.#whole.state) if (mine.has(param)) this.state.set(param, state);
    });
    this.#consolidated = undefined;
  }

  /** Lets the whole optimizer know states of all parameters meanwhile. */
  #withStates<T>(states: ReadonlyMap<Tensor, ParamState>, fn: () => T): T {
    for (const [param, state] of states) this.#whole.state.set(param, state);
    try {
      return fn();
    } finally {
      this.#whole.state.clear();
    }
  }

  /** As PyTorch prints it: the groups with all parameters. */
  override toString(): string {
    return this.#whole.toString().replace(/^\S+/, NAME);
  }
}
