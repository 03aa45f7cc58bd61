/**
 * What lowerings of WebGPU write to: launches of WGSL kernels (`kernels/wgsl`) with their operands, temporary buffers, tables. As on every device, lowering
 * happens once per plan, from shapes alone.
 */
import { itemSize, type DType, type TypedArray } from '../../base/dtype.ts';
import { DTypeError, invariant } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { arrange, type Span } from '../../compiler/arena.ts';
import type { BufferSource, FaultSource, ScalarInput, Value } from '../../compiler/lowering.ts';
import type { GpuStep } from '../../devices/webgpu/program.ts';
import type { GpuDType, WgslLaunch } from '../../kernels/wgsl/kernel.ts';
import type { Values } from '../table.ts';

/** A launch, and of which node it is. */
export interface GpuLoweredStep extends GpuStep {
  readonly node: number;
  readonly name: string;
}

/** Words of a report: whether there is one, and the value. */
const FAULT_WORDS = 2;

export class GpuLowering {
  readonly buffers: BufferSource[] = [];
  readonly steps: GpuLoweredStep[] = [];
  /** Whether the adapter computes on the processor, which takes long to compile what is large. */
  readonly small: boolean;
  readonly #temps: Span[] = [];
  readonly workspaces: { readonly node: number; readonly bytes: number }[] = [];
  #node = 0;
  #firstScalar = 0;

  constructor(small: boolean) {
    this.small = small;
  }

  /** From now on launches belong to the node of this number, whose scalars begin at `firstScalar`. */
  beginNode(node: number, firstScalar: number): void {
    this.#node = node;
    this.#firstScalar = firstScalar;
  }

  /** Where temporaries lie in a run's one block, and its size. */
  arrange(): { readonly offsets: readonly number[]; readonly bytes: number } {
    return arrange(this.#temps);
  }

  /** A value that the caller of the plan supplies. */
  external(layout: Layout, index: number): Value {
    return this.#value(layout, { kind: 'external', index });
  }

  /** A contiguous buffer that lives while the current node runs. Not zeroed. */
  temp(dtype: DType, shape: readonly number[]): Value {
    const layout = layoutOf(dtype, shape);
    const bytes = layout.numel * itemSize(dtype);
    this.workspaces.push({ node: this.#node, bytes });
    return this.local(layout, bytes, this.#node, this.#node);
  }

  /** A buffer that lives from one node to another. Not zeroed. */
  local(layout: Layout, bytes: number, first: number, last: number): Value {
    return this.#value(layout, { kind: 'temp', temp: this.#temps.push({ bytes, first, last }) - 1 });
  }

  /** A table written once, when the plan is made. */
  constant(dtype: DType, data: TypedArray): Value {
    return this.#value(layoutOf(dtype, [data.length]), { kind: 'constant', data });
  }

  /** Where kernels report a value that the operation does not take; the reads that follow are rejected with what `error` makes of it. */
  fault(error: FaultSource['error']): Value {
    return this.#value(layoutOf('int64', [FAULT_WORDS]), { kind: 'fault', error });
  }

  /** The operation's `index`-th scalar, which the caller of the plan supplies. */
  scalar(index: number): ScalarInput {
    return { scalar: this.#firstScalar + index };
  }

  /** The same buffer under another layout, or from a later element on. */
  view(value: Value, layout: Layout, elements = 0): Value {
    return { layout, buffer: value.buffer, byteOffset: value.byteOffset + elements * itemSize(value.layout.dtype) };
  }

  /** Adds a launch; `operands` are in the kernel's order. */
  launch({ kernel, args, groups }: WgslLaunch, operands: Values): void {
    if (groups === 0) return;
    invariant(operands.length === kernel.operands.length, `${kernel.key}: an operand for each of the kernel's`);
    this.steps.push({
      node: this.#node,
      name: kernel.key,
      kernel,
      params: args,
      groups,
      operands: operands.map(({ buffer, byteOffset }) => ({ buffer, byteOffset })),
    });
  }

  #value(layout: Layout, source: BufferSource): Value {
    return { layout, buffer: this.buffers.push(source) - 1, byteOffset: 0 };
  }
}

/** A dtype that the device has. @throws DTypeError for float64 */
export function gpuDType(op: string, dtype: DType): GpuDType {
  if (dtype !== 'float64') return dtype;
  throw new DTypeError(`${op}: GPUs compute in float32, but a tensor is float64; convert it with .to('float32'), or use the cpu device`); // prettier-ignore
}
