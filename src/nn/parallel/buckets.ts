/**
 * Gradients of all processes as averages (Li et al., "PyTorch Distributed", VLDB 2020, arXiv:2006.15704): parameters in the reverse of their order are put into
 * buckets, a bucket's gradients lie side by side in one tensor, and as soon as all of them are there, and those of the buckets before, processes
 * begin to add it up, while the backward pass goes on. In all processes buckets go in one order.
 */
import { itemSize, type DType } from '../../base/dtype.ts';
import { CompileError, DistributedError } from '../../base/errors.ts';
import { allReduce, type Work } from '../../distributed/collectives.ts';
import type { ProcessGroup } from '../../distributed/process-group.ts';
import { fromTypedArray, zeros } from '../../tensor/create.ts';
import { scalarAttrs } from '../../geometry/elementwise.ts';
import { afterPass } from '../../tensor/autograd.ts';
import { applyInto } from '../../tensor/dispatch.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { activeRecorder, unrecorded } from '../../tensor/recorder.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Parameter } from '../parameter.ts';

export type NamedParameter = readonly [name: string, parameter: Parameter];

interface Bucket {
  readonly flat: Tensor;
  /** Numbers of its parameters. */
  readonly members: readonly number[];
  /** Gradients that are not there yet. */
  missing: number;
  work: Work | undefined;
}

/** The first is small, so that something is on its way early. */
const FIRST_BUCKET_BYTES = 1 << 20;

/** Numbers of parameters, bucket by bucket; a bucket's are of one dtype. */
function dealt(parameters: readonly NamedParameter[], bucketBytes: number): number[][] {
  const buckets: number[][] = [];
  const open = new Map<DType, { members: number[]; bytes: number }>();
  for (let i = parameters.length - 1; i >= 0; i--) {
    const { dtype, numel } = parameters[i]![1].layout;
    let last = open.get(dtype);
    const most = buckets.length <= 1 ? Math.min(FIRST_BUCKET_BYTES, bucketBytes) : bucketBytes;
    if (last === undefined || last.bytes >= most) {
      last = { members: [], bytes: 0 };
      open.set(dtype, last);
      buckets.push(last.members);
    }
    last.members.push(i);
    last.bytes += numel * itemSize(dtype);
  }
  return buckets;
}

/** How gradients are exchanged. */
export interface BucketOptions {
  readonly bucketBytes: number;
  /** Whether `grad` is a view of a bucket afterwards, and not a tensor of its own. */
  readonly asViews: boolean;
  /** Whether some parameters may get no gradient, in every pass or in the same way in all. */
  readonly unused: 'never' | 'maybe' | 'same';
}

/** A pass that comes. */
export interface ComingPass {
  /** Parameters to which the forward pass did not lead, where one has looked. */
  readonly unused: ReadonlySet<number> | undefined;
  /** By how many the sum of all processes' gradients is divided. */
  readonly divisor: number;
  /** Called when all gradients are there. */
  readonly done: () => void;
}

export class GradientBuckets {
  readonly #group: ProcessGroup;
  readonly #parameters: readonly NamedParameter[];
  readonly #buckets: readonly Bucket[];
  readonly #options: BucketOptions;
  /** Of each parameter: its bucket, and its part of that. */
  readonly #places: { readonly bucket: Bucket; readonly view: Tensor }[] = [];
  /** Whose gradients are there in this pass. */
  readonly #ready = new Set<number>();
  /** The pass that was begun, until all its gradients are there: gradients of any other pass stay as they are. */
  #pass: ComingPass | undefined;
  /** What records the pass, if anything does. */
  #recorder: unknown;
  /** Whether it is known that the backward pass ends. */
  #isAwaited = false;
  /** Those that get no gradient from this process. */
  #unused: ReadonlySet<number> | undefined;
  /** Where that is the same in all passes: those, and which of them others use. */
  #known: { readonly unused: ReadonlySet<number>; readonly elsewhere: readonly number[] } | undefined;
  /** Buckets that are on their way. */
  #launched = 0;

  constructor(group: ProcessGroup, parameters: readonly NamedParameter[], options: BucketOptions) {
    this.#group = group;
    this.#parameters = parameters;
    this.#options = options;
    this.#buckets = unrecorded(() => dealt(parameters, options.bucketBytes).map((members) => this.#bucketOf(members)));
  }

  #bucketOf(members: readonly number[]): Bucket {
    const total = members.reduce((sum, i) => sum + this.#parameters[i]![1].numel(), 0);
    const flat = zeros(total, { dtype: this.#parameters[members[0]!]![1].dtype });
    const bucket: Bucket = { flat, members, missing: members.length, work: undefined };
    let at = 0;
    for (const i of members) {
      const [, parameter] = this.#parameters[i]!;
      const view = flat.narrow(0, at, parameter.numel()).reshape([...parameter.layout.shape]);
      at += parameter.numel();
      this.#places[i] = { bucket, view };
    }
    return bucket;
  }

  /** Sizes of the buckets, in elements. */
  get sizes(): number[] {
    return this.#buckets.map(({ flat }) => flat.numel());
  }

  /** Whether all processes have to say which parameters they use. */
  get #asks(): boolean {
    const { unused } = this.#options;
    return unused === 'maybe' || (unused === 'same' && this.#known === undefined);
  }

  /**
   * Begins a pass. One that was begun before and led to no gradients yet goes on in it: what both leave out is unused.
   * @throws DistributedError when gradients of the pass before are missing
   */
  begin(pass: ComingPass): void {
    const recorder = activeRecorder();
    if (this.#ready.size > 0 && recorder === this.#recorder) throw this.#unfinished();
    this.#ready.clear(); // of a recording that was given up
    const before = this.#recorder === recorder ? this.#pass?.unused : undefined;
    const unused = this.#known?.unused ?? pass.unused;
    this.#unused = before && unused && new Set([...unused].filter((i) => before.has(i)));
    this.#unused ??= unused;
    this.#pass = { ...pass, unused: this.#unused };
    this.#recorder = recorder;
    this.#isAwaited = false;
    this.#launched = 0;
    for (const bucket of this.#buckets) {
      bucket.missing = bucket.members.length;
      bucket.work = undefined;
    }
  }

  #unfinished(): DistributedError {
    const missing = this.#parameters.filter((_, i) => !this.#ready.has(i)).map(([name]) => name);
    this.#ready.clear();
    return new DistributedError(
      `DistributedDataParallel: in the backward pass before, ${missing.length} parameters of rank ${this.#group.rank} got no gradient: ${missing.join(', ')}. Pass ` +
        '{ findUnusedParameters: true } if the forward pass does not use all of them, and see that all that it returns goes into the loss',
    );
  }

  /** A parameter's gradient is complete. */
  arrived(i: number): void {
    if (this.#pass === undefined) return;
    if (this.#ready.size === 0) this.#fill(this.#unused ?? [], this.#pass);
    const [name, parameter] = this.#parameters[i]!;
    if (this.#ready.has(i)) {
      throw new DistributedError(
        `DistributedDataParallel: ${name} got a gradient twice in one pass${this.#unused?.has(i) === true ? ', though what the module returns does not lead to it' : ''}: ` +
          'call backward once for each call of the model, or inside of noSync() for all but the last',
      );
    }
    this.#bring(parameter, this.#places[i]!.view, this.#pass.divisor);
    this.#arrive(i);
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    afterPass(() => this.#passed());
  }

  /** Puts this process's share of the average into the bucket: all shares have only to be added up. */
  #bring(parameter: Parameter, view: Tensor, divisor: number): void {
    if (this.#group.size === 1) return;
    withGradMode(false, () => {
      const grad = parameter.grad!;
      if (grad.storage === view.storage) view.mul_(1 / divisor);
      else applyInto('mulScalar', [grad], scalarAttrs(view.layout.dtype, 1 / divisor), [1 / divisor], [view]);
    });
  }

  /** In the place of gradients that do not come, those that are there from passes before, or zeros. */
  #fill(unused: Iterable<number>, { divisor }: ComingPass): void {
    for (const i of unused) {
      const [[, parameter], { view }] = [this.#parameters[i]!, this.#places[i]!];
      if (parameter.grad === null) withGradMode(false, () => void view.zero_());
      else this.#bring(parameter, view, divisor);
      this.#arrive(i);
    }
  }

  #arrive(i: number): void {
    this.#ready.add(i);
    this.#places[i]!.bucket.missing--;
    while (this.#launched < this.#buckets.length && this.#buckets[this.#launched]!.missing === 0) {
      const bucket = this.#buckets[this.#launched++]!;
      if (this.#group.size > 1) bucket.work = allReduce(bucket.flat, { asyncOp: true });
    }
  }

  /** The backward pass is over: what it has not led to is unused, where that may be. */
  #passed(): void {
    this.#isAwaited = false;
    if (this.#pass === undefined) return;
    if (this.#ready.size < this.#parameters.length && this.#asks) {
      const missing = [...this.#parameters.keys()].filter((i) => !this.#ready.has(i));
      this.#unused = new Set([...(this.#unused ?? []), ...missing]);
      this.#fill(missing, this.#pass);
    }
    if (this.#ready.size === this.#parameters.length) this.#end(this.#pass);
  }

  /** All gradients are there: what is left is to wait. */
  #end({ done }: ComingPass): void {
    for (const bucket of this.#buckets) bucket.work?.wait();
    this.#pass = this.#recorder = undefined;
    this.#ready.clear();
    const unused = this.#unused ?? new Set();
    if (this.#group.size > 1) for (const i of this.#parameters.keys()) if (!unused.has(i)) this.#give(i);
    for (const i of this.#asks ? this.#usedElsewhere(unused) : (this.#known?.elsewhere ?? [])) this.#give(i);
    done();
  }

  /** A parameter gets the average. */
  #give(i: number): void {
    const [, parameter] = this.#parameters[i]!;
    const { view } = this.#places[i]!;
    withGradMode(false, () => {
      if (this.#options.asViews) parameter.grad = view;
      else if (parameter.grad === null) parameter.grad = view.clone();
      else if (parameter.grad.storage !== view.storage) parameter.grad.copy_(view);
    });
  }

  /** Which of those that this process does not use others do: these get a gradient, while what nobody has used keeps the one that it has. */
  #usedElsewhere(unused: ReadonlySet<number>): number[] {
    if (activeRecorder() !== undefined) {
      const remedy =
        this.#options.unused === 'same'
          ? 'run a step without compiling before'
          : 'leave it out, pass { staticGraph: true }, or do not compile';
      throw new CompileError(`DistributedDataParallel: unused parameters are found by looking at values of all processes; ${remedy}`);
    }
    const used = this.#exchangeUse((i) => !unused.has(i));
    const elsewhere = [...unused].filter((i) => Number(used[i]) === 1);
    if (this.#options.unused === 'same') this.#known = { unused, elsewhere };
    return elsewhere;
  }

  #exchangeUse(isUsed: (i: number) => boolean): ArrayLike<number | bigint> {
    const used = fromTypedArray(
      Int32Array.from(this.#parameters, (_, i) => (isUsed(i) ? 1 : 0)),
      [this.#parameters.length],
    );
    allReduce(used, { op: 'max' });
    return used.toTypedArray();
  }

  /** Takes part in a pass of the others with zeros, when this process has no more data. */
  shadow(): void {
    withGradMode(false, () => {
      for (const { flat } of this.#buckets) {
        flat.zero_();
        allReduce(flat);
      }
      if (this.#asks) this.#exchangeUse(() => false);
    });
  }
}
