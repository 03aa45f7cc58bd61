/** A module that several processes train together (https://pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html). */
import { BOOL, FUNCTION, kind, POSITIVE, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
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
  /** Whether to look which parameters a forward pass leads to; the others then count as zeros. Default false. */
  readonly findUnusedParameters?: boolean;
}

interface DdpCall<M> extends DistributedDataParallelOptions {
  readonly module: M;
}
const MODULE = kind('a module', (value) => value instanceof ModuleBase);
const CALL = signature<DdpCall<ModuleBase>>(
  'nn.parallel.DistributedDataParallel',
  { module: MODULE, broadcastBuffers: BOOL, bucketCapMb: POSITIVE, findUnusedParameters: BOOL },
  { required: 1, positional: 1 },
);

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
  /** Whether gradients are exchanged now; {@link noSync} changes it. */
  requireBackwardGradSync = true;

  constructor(module: M | DdpCall<M>, options?: DistributedDataParallelOptions);
  constructor(...args: readonly unknown[]) {
    super();
    const { module, broadcastBuffers = true, bucketCapMb = 25, findUnusedParameters = false } = readCall(CALL, args);
    this.module = module as M;
    this.broadcastBuffers = broadcastBuffers;
    this.bucketCapMb = bucketCapMb;
    this.findUnusedParameters = findUnusedParameters;
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
    const exchanges = this.training && this.requireBackwardGradSync && isGradEnabled();
    const source = exchanges ? round(exchange, true) : 0;
    if (exchanges && this.broadcastBuffers) broadcastAll([...this.module.buffers()], source);
    const output = (this.module as unknown as (...given: unknown[]) => unknown)(...inputs);
    if (exchanges) exchange.buckets.begin(this.findUnusedParameters ? unusedBy(output, exchange.parameters) : undefined);
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
   * @see https://pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html#torch.nn.parallel.DistributedDataParallel.join
   */
  join<T>(fn: () => T): T {
    requireKind('join', 'the argument', fn, FUNCTION, 'write model.join(() => { for (const [x, y] of loader) step(x, y); })');
    const exchange = exchangeOf(this);
    exchange.joining = true;
    beginJoin();
    return finallyDo(fn, (failed) => {
      if (!failed) shadow(this, exchange);
      exchange.joining = false;
      endJoin();
    });
  }
}

/** What a wrapped module exchanges, and with whom. It is no field: a copy of the module makes its own, of its own parameters. */
interface Exchange {
  readonly group: ProcessGroup;
  readonly parameters: readonly NamedParameter[];
  readonly buckets: GradientBuckets;
  /** Whether processes may run out of data one after the other. */
  joining: boolean;
}
type Wrapped = Pick<DistributedDataParallel, 'module' | 'bucketCapMb' | 'broadcastBuffers' | 'requireBackwardGradSync'>;
const exchangesOf = new WeakMap<Wrapped, Exchange>();

const learning = (module: ModuleBase): NamedParameter[] => [...module.namedParameters()].filter(([, parameter]) => parameter.requiresGrad);

function exchangeOf(model: Wrapped): Exchange {
  const found = exchangesOf.get(model);
  if (found !== undefined) return found;
  const group = requireGroup('DistributedDataParallel');
  const parameters = learning(model.module);
  const buckets = new GradientBuckets(group, parameters, model.bucketCapMb * 1024 * 1024);
  parameters.forEach(([, parameter], i) => {
    parameter.registerPostAccumulateGradHook(() => {
      if (model.requireBackwardGradSync) buckets.arrived(i);
    });
  });
  const made: Exchange = { group, parameters, buckets, joining: false };
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

/** Says whether this process has more, where that may differ; the first rank that has, or -1 where none has. */
function round({ group: { rank, size }, joining }: Exchange, hasMore: boolean): number {
  if (!joining) return 0;
  const flags = fromTypedArray(
    Int32Array.from({ length: size }, (_, i) => (hasMore && i === rank ? 1 : 0)),
    [size],
  );
  allReduce(flags);
  return flags.toTypedArray().findIndex((flag) => Number(flag) === 1);
}

function shadow(model: Wrapped, exchange: Exchange): void {
  for (let source = round(exchange, false); source >= 0; source = round(exchange, false)) {
    if (model.broadcastBuffers) broadcastAll([...model.module.buffers()], source);
    exchange.buckets.shadow();
  }
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

/** Tensors in what a forward pass gives: itself, or in arrays, records and maps. */
function* tensorsIn(value: unknown): Generator<Tensor> {
  if (isTensor(value)) yield value;
  else if (value instanceof Map) for (const inner of value.values()) yield* tensorsIn(inner);
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* tensorsIn(inner);
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
