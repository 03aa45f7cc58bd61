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

export class GradientBuckets {
  readonly #group: ProcessGroup;
  readonly #parameters: readonly NamedParameter[];
  readonly #buckets: readonly Bucket[];
  /** Of each parameter: its bucket, and its part of that. */
  readonly #places: { readonly bucket: Bucket; readonly view: Tensor }[] = [];
  /** Whose gradients are there in this pass. */
  readonly #ready = new Set<number>();
  /** Those that the forward pass did not lead to, where one has looked. */
  #unused: ReadonlySet<number> | undefined;
  /** Buckets that are on their way. */
  #launched = 0;

  constructor(group: ProcessGroup, parameters: readonly NamedParameter[], bucketBytes: number) {
    this.#group = group;
    this.#parameters = parameters;
    this.#buckets = unrecorded(() => dealt(parameters, bucketBytes).map((members) => this.#bucketOf(members)));
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

  /**
   * Begins a pass. `unused` are parameters to which the forward pass did not lead; undefined where nobody has looked.
   * @throws DistributedError when gradients of the pass before are missing
   */
  begin(unused: ReadonlySet<number> | undefined): void {
    if (this.#ready.size > 0) throw this.#unfinished();
    this.#unused = unused;
    this.#launched = 0;
    for (const bucket of this.#buckets) {
      bucket.missing = bucket.members.length;
      bucket.work = undefined;
    }
    for (const i of unused ?? []) {
      withGradMode(false, () => void this.#places[i]!.view.zero_());
      this.#arrive(i);
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
    const [name, parameter] = this.#parameters[i]!;
    if (this.#ready.has(i)) {
      throw new DistributedError(
        `DistributedDataParallel: ${name} got a gradient twice in one pass: call backward once for each call of the model, or inside of noSync() for all but the last`,
      );
    }
    this.#bring(parameter, this.#places[i]!.view);
    this.#arrive(i);
  }

  /** Puts this process's share of the average into the bucket: all shares have only to be added up. A process alone keeps its gradient where it is. */
  #bring(parameter: Parameter, view: Tensor): void {
    const { size } = this.#group;
    if (size === 1) return;
    withGradMode(false, () => {
      const grad = parameter.grad!;
      if (grad.storage === view.storage) view.mul_(1 / size);
      else applyInto('mulScalar', [grad], scalarAttrs(view.layout.dtype, 1 / size), [1 / size], [view]);
      parameter.grad = view;
    });
  }

  #arrive(i: number): void {
    this.#ready.add(i);
    this.#places[i]!.bucket.missing--;
    while (this.#launched < this.#buckets.length && this.#buckets[this.#launched]!.missing === 0) {
      const bucket = this.#buckets[this.#launched++]!;
      if (this.#group.size > 1) bucket.work = allReduce(bucket.flat, { asyncOp: true });
    }
    if (this.#ready.size === this.#parameters.length) this.#end();
  }

  /** All gradients are there: what is left is to wait. */
  #end(): void {
    for (const bucket of this.#buckets) bucket.work?.wait();
    this.#ready.clear();
    if (this.#unused !== undefined) this.#leaveUnused(this.#unused);
  }

  /** What no process has used keeps the gradient that it has; what others have used gets theirs. */
  #leaveUnused(unused: ReadonlySet<number>): void {
    if (activeRecorder() !== undefined)
      throw new CompileError(
        'DistributedDataParallel: findUnusedParameters looks at values of all processes; leave it out, or do not compile',
      );
    const used = fromTypedArray(
      Int32Array.from(this.#parameters, (_, i) => (unused.has(i) ? 0 : 1)),
      [this.#parameters.length],
    );
    allReduce(used, { op: 'max' });
    const anywhere = used.toTypedArray();
    for (const i of unused) {
      const [, parameter] = this.#parameters[i]!;
      if (anywhere[i] === 1) withGradMode(false, () => void (parameter.grad = this.#places[i]!.view));
    }
  }

  /** Takes part in a pass of the others with zeros, when this process has no more data. */
  shadow(): void {
    withGradMode(false, () => {
      for (const { flat } of this.#buckets) {
        flat.zero_();
        allReduce(flat);
      }
    });
  }
}
