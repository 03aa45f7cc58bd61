/** A module that several processes train together (https://pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html). */
import { BOOL, FUNCTION, kind, POSITIVE, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError, DistributedError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
import { requireAlike } from '../../distributed/alike.ts';
import { allReduce } from '../../distributed/collectives.ts';
import { beginJoin, endJoin } from '../../distributed/joining.ts';
import { requireGroup } from '../../distributed/world.ts';
import type { ProcessGroup } from '../../distributed/process-group.ts';
import { AccumulateGrad, type GradNode } from '../../tensor/autograd.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { isGradEnabled } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ModuleBase } from '../module-base.ts';
import { Module } from '../module.ts';
import { GradientBuckets, type NamedParameter } from './buckets.ts';
import { broadcastAll } from './buffers.ts';

/** Options of {@link DistributedDataParallel}. */
export interface DistributedDataParallelOptions {
  /** Whether buffers, such as running statistics, are rank 0's in every forward pass of training. Default true. */
  readonly broadcastBuffers?: boolean;
  /** Megabytes of gradients that travel together. Default 25. */
  readonly bucketCapMb?: number;
  /** Whether some parameters may get no gradient in a pass: they count as zeros then, and keep the gradient that they have where no process uses them. Default false. */
  readonly findUnusedParameters?: boolean;
  /** Whether gradients are views of the memory in which they travel, which saves copies: a gradient that one keeps is then overwritten in the next pass. Default false. */
  readonly gradientAsBucketView?: boolean;
  /** Whether the same parameters get gradients in all passes: the first says which. Default false. */
  readonly staticGraph?: boolean;
}

/** Options of {@link DistributedDataParallel.join}. */
export interface JoinOptions {
  /** Whether gradients are divided by the number of all processes, or by that of those that have data left. Default true. */
  readonly divideByInitialWorldSize?: boolean;
  /** Whether anything is done for uneven ends; false for processes that are known to have as many batches. Default true. */
  readonly enable?: boolean;
  /** Whether all processes throw as soon as one has no more data. Default false. */
  readonly throwOnEarlyTermination?: boolean;
}

interface DdpCall<M> extends DistributedDataParallelOptions {
  readonly module: M;
}
const MODULE = kind('a module', (value) => value instanceof ModuleBase);
const CALL = signature<DdpCall<ModuleBase>>(
  'nn.parallel.DistributedDataParallel',
  {
    ...{ module: MODULE, broadcastBuffers: BOOL, bucketCapMb: POSITIVE },
    ...{ findUnusedParameters: BOOL, gradientAsBucketView: BOOL, staticGraph: BOOL },
  },
  { required: 1, positional: 1 },
);
const JOIN: OptionKinds<JoinOptions> = { divideByInitialWorldSize: BOOL, enable: BOOL, throwOnEarlyTermination: BOOL };

/**
 * Every process has a copy of the module and a part of each batch; this sees to it that all copies begin with rank 0's values and that after each
 * backward pass `grad` is the average over all processes, so that equal optimizers make equal steps. Without other processes it only calls the module.
 * Names of the state dict begin with `module.`, as PyTorch's.
 * @throws DistributedError before `initProcessGroup()`, and where the processes' modules differ: it says which parameter, and in which ranks
 * @see https://pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
 * @example
 * import { nn, randn } from 'flambeau';
 * import * as dist from 'flambeau/distributed';
 *
 * dist.initProcessGroup(); // mpirun -n 4 node program.mjs
 * const model = new nn.parallel.DistributedDataParallel(new nn.Linear(4, 2));
 * model(randn(8, 4)).sum().backward(); // each process with its own 8 samples
 * console.log(model.module.weight.grad?.shape); // [ 2, 4 ]
 * dist.destroyProcessGroup();
 */
export class DistributedDataParallel<M extends ModuleBase = ModuleBase> extends Module {
  static override readonly name = 'DistributedDataParallel';
  readonly module: M;
  readonly broadcastBuffers: boolean;
  readonly bucketCapMb: number;
  readonly findUnusedParameters: boolean;
  readonly gradientAsBucketView: boolean;
  readonly staticGraph: boolean;
  /** Whether gradients are exchanged now; {@link noSync} changes it. */
  requireBackwardGradSync = true;

  constructor(module: M | DdpCall<M>, options?: DistributedDataParallelOptions);
  constructor(...args: readonly unknown[]) {
    super();
    const given = readCall(CALL, args);
    const { module, broadcastBuffers = true, bucketCapMb = 25 } = given;
    this.module = module as M;
    this.broadcastBuffers = broadcastBuffers;
    this.bucketCapMb = bucketCapMb;
    this.findUnusedParameters = given.findUnusedParameters ?? false;
    this.gradientAsBucketView = given.gradientAsBucketView ?? false;
    this.staticGraph = given.staticGraph ?? false;
    requireGroup('DistributedDataParallel');
    if (learning(module).length === 0)
      throw new ArgumentError(
        'DistributedDataParallel: no parameter of the module requires gradients, so there is nothing to exchange; call the module itself',
      );
    requireAlike('DistributedDataParallel', 'modules', described(module), 'make the same module in all processes');
    broadcastAll([...module.parameters(), ...module.buffers()]);
    exchangeOf(this);
  }

  /** Elements of each bucket, in the order in which they travel. */
  get bucketSizes(): number[] {
    return exchangeOf(this).buckets.sizes;
  }

  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    const exchange = exchangeOf(this);
    const exchanges = this.requireBackwardGradSync && isGradEnabled();
    const active = exchanges ? round(exchange, true) : [];
    const source = sourceOf(exchange, active);
    const shares = this.broadcastBuffers && this.training;
    if (exchanges && shares) broadcastAll([...this.module.buffers()], source);
    const output = (this.module as unknown as (...given: unknown[]) => unknown)(...inputs);
    if (exchanges) {
      const unused = this.findUnusedParameters && !this.staticGraph ? unusedBy(output, exchange.parameters) : undefined;
      const done = (): void => {
        if (shares && exchange.joining === undefined) broadcastAll(statistics(this.module)); // so that all evaluate with the same
      };
      exchange.buckets.begin({ unused, divisor: divisorOf(exchange, active), done });
    }
    return output as ReturnType<M['forward']>;
  }

  /**
   * Runs `fn` without exchanging gradients: they add up in each process, until a pass outside of it exchanges the sums.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html#torch.nn.parallel.DistributedDataParallel.no_sync
   */
  noSync<T>(fn: () => T): T {
    requireKind('noSync', 'the argument', fn, FUNCTION, 'write model.noSync(() => model(x).sum().backward())');
    const before = this.requireBackwardGradSync;
    this.requireBackwardGradSync = false;
    return finallyDo(fn, () => (this.requireBackwardGradSync = before));
  }

  /**
   * Runs a training whose processes may have different numbers of batches: whoever is done takes part in the others' exchanges with zeros, until all are.
   * Then all get the weights of one that was last.
   * @throws ArgumentError for a module with SyncBatchNorm, unless `throwOnEarlyTermination` is set
   * @throws DistributedError with `throwOnEarlyTermination`, in all processes, as soon as one has no more data
   * @see https://pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html#torch.nn.parallel.DistributedDataParallel.join
   */
  join<T>(fn: () => T, options: JoinOptions = {}): T {
    requireKind('join', 'the argument', fn, FUNCTION, 'write model.join(() => { for (const [x, y] of loader) step(x, y); })');
    const given = requireOptions<JoinOptions>('join', options, JOIN, '{ throwOnEarlyTermination: true }');
    const exchange = exchangeOf(this);
    if (given.enable === false) return fn();
    if (given.throwOnEarlyTermination !== true && [...this.module.modules()].some((one) => one.typeName() === 'SyncBatchNorm'))
      throw new ArgumentError(
        'join: a process that has no more data cannot take part in the statistics of SyncBatchNorm; pass { throwOnEarlyTermination: true }, or give all as many batches',
      );
    exchange.joining = { ...given, last: ranksOf(exchange) };
    beginJoin();
    return finallyDo(fn, (failed) => {
      if (!failed) shadow(this, exchange);
      exchange.joining = undefined;
      endJoin();
    });
  }
}

/** What a wrapped module exchanges, and with whom. It is no field: a copy of the module makes its own, of its own parameters. */
interface Exchange {
  readonly group: ProcessGroup;
  readonly parameters: readonly NamedParameter[];
  readonly buckets: GradientBuckets;
  /** While processes may run out of data one after the other: those that had some in the round before. */
  joining: (JoinOptions & { last: readonly number[] }) | undefined;
}
type Wrapped = Pick<DistributedDataParallel, 'module' | 'broadcastBuffers' | 'training'> &
  Required<Omit<DistributedDataParallelOptions, 'broadcastBuffers'>>;
const exchangesOf = new WeakMap<Wrapped, Exchange>();

const learning = (module: ModuleBase): NamedParameter[] => [...module.namedParameters()].filter(([, parameter]) => parameter.requiresGrad);

function exchangeOf(model: Wrapped): Exchange {
  const found = exchangesOf.get(model);
  if (found !== undefined) return found;
  const group = requireGroup('DistributedDataParallel');
  const parameters = learning(model.module);
  const buckets = new GradientBuckets(group, parameters, {
    bucketBytes: model.bucketCapMb * 1024 * 1024,
    asViews: model.gradientAsBucketView,
    unused: model.staticGraph ? 'same' : model.findUnusedParameters ? 'maybe' : 'never',
  });
  parameters.forEach(([, parameter], i) => (parameter.gradEdge()!.node as AccumulateGrad).finally.push(() => buckets.arrived(i)));
  const made: Exchange = { group, parameters, buckets, joining: undefined };
  exchangesOf.set(model, made);
  return made;
}

/** Numbers of the parameters to which nothing in `output` leads. */
function unusedBy(output: unknown, parameters: readonly NamedParameter[]): Set<number> {
  const seen = new Set<GradNode>();
  const open: GradNode[] = [];
  const leaves = new Set<Tensor>();
  for (const tensor of tensorsIn(output)) {
    const node = tensor.gradEdge()?.node;
    if (node !== undefined) open.push(node);
  }
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node instanceof AccumulateGrad) leaves.add(node.variable);
    for (const edge of node.edges) if (edge !== undefined) open.push(edge.node);
  }
  return new Set(parameters.flatMap(([, parameter], i) => (leaves.has(parameter) ? [] : [i])));
}

const ranksOf = ({ group: { size } }: Exchange): readonly number[] => Array.from({ length: size }, (_, rank) => rank);

/** Whose buffers are everybody's: rank 0's, or where that may have no more data, those of the last that has. */
const sourceOf = ({ joining }: Exchange, active: readonly number[]): number => (joining === undefined ? 0 : (active.at(-1) ?? 0));

const divisorOf = ({ group, joining }: Exchange, active: readonly number[]): number =>
  joining?.divideByInitialWorldSize === false ? active.length : group.size;

/** Buffers that training changes in each process as its data has it. */
const statistics = (module: ModuleBase): Tensor[] => [...module.buffers()].filter((buffer) => buffer.isFloatingPoint());

/**
 * Says whether this process has more data, where that may differ; the ranks that have.
 * @throws DistributedError where one has none, if that is not to be
 */
function round(exchange: Exchange, hasMore: boolean): readonly number[] {
  const {
    joining,
    group: { rank, size },
  } = exchange;
  if (joining === undefined) return ranksOf(exchange);
  const flags = fromTypedArray(
    Int32Array.from({ length: size }, (_, i) => (hasMore && i === rank ? 1 : 0)),
    [size],
  );
  allReduce(flags);
  const values = flags.toTypedArray();
  const active = ranksOf(exchange).filter((i) => Number(values[i]) === 1);
  if (active.length > 0) joining.last = active;
  if (joining.throwOnEarlyTermination === true && active.length > 0 && active.length < size) {
    const done = ranksOf(exchange).filter((i) => !active.includes(i));
    throw new DistributedError(
      `join: rank ${done.join(', ')} has no more data, but rank ${active.join(', ')} has; leave throwOnEarlyTermination out to go on`,
    );
  }
  return active;
}

/** Takes part in what the others do until none has more data, and then gets the weights of one that was last. */
function shadow(model: Wrapped, exchange: Exchange): void {
  const { module, broadcastBuffers } = model;
  for (let active = round(exchange, false); active.length > 0; active = round(exchange, false)) {
    if (broadcastBuffers && model.training) broadcastAll([...module.buffers()], sourceOf(exchange, active));
    exchange.buckets.shadow();
  }
  broadcastAll([...module.parameters(), ...(broadcastBuffers ? module.buffers() : [])], exchange.joining!.last.at(-1));
}

/** Runs `end` when a function has ended, or the promise that it gave. */
function finallyDo<T>(fn: () => T, end: (failed: boolean) => void): T {
  let result: T;
  try {
    result = fn();
  } catch (error) {
    end(true);
    throw error;
  }
  if (result instanceof Promise) {
    const settled = result.then(
      (value: unknown) => (end(false), value),
      (error: unknown) => {
        end(true);
        throw error;
      },
    );
    return settled as T;
  }
  end(false);
  return result;
}

/** Tensors in what a forward pass gives: itself, or in arrays, records, maps and sets. */
function* tensorsIn(value: unknown, seen = new Set<object>()): Generator<Tensor> {
  if (isTensor(value)) yield value;
  else if (typeof value === 'object' && value !== null && !seen.has(value)) {
    seen.add(value);
    const inside: Iterable<unknown> = value instanceof Map || value instanceof Set ? value.values() : Object.values(value);
    for (const inner of inside) yield* tensorsIn(inner, seen);
  }
}

/** What a parameter or buffer is, for comparison. */
const described = (module: ModuleBase): Record<string, string> => {
  const all = [...module.namedParameters()].map(([name, x]) => [
    name,
    `${x.dtype} [${x.layout.shape.join(', ')}]${x.requiresGrad ? '' : ', frozen'}`,
  ]);
  const buffers = [...module.namedBuffers()].map(([name, x]) => [name, `${x.dtype} [${x.layout.shape.join(', ')}], a buffer`]);
  return Object.fromEntries([...all, ...buffers]) as Record<string, string>;
};
