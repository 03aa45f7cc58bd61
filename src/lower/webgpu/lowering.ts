/**
 * What lowerings of WebGPU write to: launches of WGSL kernels (`kernels/wgsl`) with their operands, temporary buffers, tables. As on every device, lowering
 * happens once per plan, from shapes alone.
 */
import type { DType } from '../../base/dtype.ts';
import { DTypeError, invariant } from '../../base/errors.ts';
import { Lowering, type FaultSource, type LoweredStep, type Value } from '../../compiler/lowering.ts';
import type { GpuStep } from '../../devices/webgpu/program.ts';
import type { GpuDType, WgslLaunch } from '../../kernels/wgsl/kernel.ts';
import type { Values } from '../table.ts';

/** A launch, and of which node it is. */
export interface GpuLoweredStep extends GpuStep, LoweredStep {
  readonly operands: Values;
}

export class GpuLowering extends Lowering<GpuLoweredStep> {
  /** Whether the adapter computes on the processor, which takes long to compile what is large. */
  readonly small: boolean;

  constructor(small: boolean, steady?: ReadonlySet<number>) {
    super(steady);
    this.small = small;
  }

  /**
   * Where kernels report a value that the operation does not take, such as an index out of range; the next read finds it there and throws
   * what `error` makes of it.
   */
  fault(error: FaultSource['error']): Value {
    return this.report(error);
  }

  /** Adds a launch; `operands` are in the kernel's order. `makes` is the {@link Lowering.derived} buffer that it fills; it writes nothing else. */
  launch({ kernel, args, groups }: WgslLaunch, operands: Values, makes?: Value): void {
    if (groups === 0) return;
    invariant(operands.length === kernel.operands.length, `${kernel.key}: an operand for each of the kernel's`);
    const work = `${groups} groups`;
    const step = {
      node: this.node,
      name: `wgsl:${kernel.key}`,
      flops: 0,
      work,
      kernel,
      params: args,
      groups,
      operands,
    };
    this.add(step, makes);
  }
}

/** A dtype that the device has. @throws DTypeError for float64 */
export function gpuDType(op: string, dtype: DType): GpuDType {
  if (dtype !== 'float64') return dtype;
  throw new DTypeError(`${op}: GPUs compute in float32, but a tensor is float64; convert it with .to('float32'), or use the cpu device`);
}
