/**
 * A graph of operations: what a plan is made from. An eager operation is a graph of one node; a compiled function is one
 * of many. Nodes are in execution order by construction.
 *
 * Operations read and write values. A value is a view of a buffer, so views cost nothing and operations in place are
 * ordinary: a node may write to a buffer that existed before. The graph knows operations only by what the compiler needs of
 * them: how they lower. Their gradients and shape rules stay with the operations.
 */
import { itemSize, type TypedArray } from '../base/dtype.ts';
import type { Layout } from '../base/layout.ts';
import type { ElementwiseSpec } from '../kernels/formula/elementwise.ts';
import type { Activation, Gate } from '../kernels/formula/epilogue.ts';
import type { Formula } from '../kernels/formula/formula.ts';
import type { Lowering, Value } from './lowering.ts';

/** Adds an operation's kernel launches to a plan. `inputs` and `outputs` are in the operation's order. */
export type Lower<L extends Lowering = Lowering> = (l: L, inputs: readonly Value[], outputs: readonly Value[]) => void;

/**
 * external: the caller of the plan supplies its address at each run · local: lives during a run only · constant: data that
 * no node writes.
 */
export type GraphBuffer =
  | { readonly kind: 'external' | 'local'; readonly bytes: number }
  | { readonly kind: 'constant'; readonly bytes: number; readonly data: TypedArray };

/** A buffer seen through a layout. */
export interface GraphValue {
  readonly buffer: number;
  readonly layout: Layout;
  /** Elements from the start of the buffer. */
  readonly offset: number;
}

/**
 * What an operation can do to its (first) result as it writes it, instead of the operation that follows: `relu`; `gate`, the
 * gradient of a ReLU, which reads the ReLU's result besides; `add`, the sum with another tensor of the same shape; a scale and a
 * shift of each channel; `pool`, the maximum of 2×2 windows side by side, whose tap numbers are then a second result; another activation.
 */
export type FinishStep<L extends Lowering = Lowering> = 'relu' | 'gate' | 'add' | 'pool' | Activation | AffineStep<L>;

/** Batch normalisation with known statistics. */
export interface AffineStep<L extends Lowering = Lowering> {
  /** How many inputs it has besides the tensor. */
  readonly inputs: number;
  /** From those, a table of scale and shift, [channels, 2]; x·scale + shift is not what the operation itself gives to the bit. */
  readonly table: (l: L, inputs: readonly Value[]) => Value;
}

/** Steps as text: `add+relu`. */
export const showSteps = <L extends Lowering>(steps: readonly FinishStep<L>[]): string =>
  steps.map((step) => (typeof step === 'string' ? step : isActivation(step) ? step.name : 'affine')).join('+');

export const isActivation = <L extends Lowering>(step: FinishStep<L> | undefined): step is Activation =>
  typeof step === 'object' && 'of' in step;

/** A formula of operands of one floating type, which its result has too. Its name tells it from all others. */
export interface FixedFormula {
  readonly name: string;
  readonly of: (operands: readonly Formula[]) => Formula;
}

/** An operation as the compiler sees it. */
export interface GraphOp {
  /** For debugging output. */
  readonly name: string;
  readonly lower: Lower;
  /** Operations of one name and key compute the same from the same values. undefined: like no other. */
  readonly key?: string | undefined;
  /** The formulas of an operation that works element by element: each input broadcasts, each output has the one shape. */
  readonly elementwise?: ((inputs: readonly Layout[], outputs: readonly Layout[]) => ElementwiseSpec) | undefined;
  /** The formula of one element with the operation's numbers in it, where these are the same at every run; whole chains of these can be steps. */
  readonly fixed?: FixedFormula | undefined;
  /** What it is to an operation before it that can take it over; its first input is that one's result. */
  readonly step?: FinishStep | undefined;
  /**
   * The lowering of the operation together with steps that follow, if it can take those over. The further inputs of the steps
   * follow its own; those of `gate` and `add` are contiguous and have as many elements as the first result.
   */
  readonly finish?: ((steps: readonly FinishStep[]) => Lower | undefined) | undefined;
  /**
   * Of an operation that writes to inputs, together with steps that follow: the lowering that gives the same results and neither reads
   * nor writes those inputs, so that it may run once more.
   */
  readonly again?: ((steps: readonly FinishStep[]) => Lower | undefined) | undefined;
  /** The lowering that makes the first result only. */
  readonly alone?: Lower | undefined;
  /** The operation together with steps that follow, as one that may be lowered together with others. */
  readonly stage?: ((steps: readonly FinishStep[]) => Stage | undefined) | undefined;
  /**
   * Of a normalisation that gives coefficients, together with steps that follow: the lowering that makes its first result once more from its first
   * input, the mean and the coefficients, to the last bit.
   */
  readonly remade?: ((steps: readonly FinishStep[]) => Lower | undefined) | undefined;
  /** Of the gradient of an activation: what becomes of the first input by the second, which is the activation's input or result. */
  readonly gate?: Gate | undefined;
  /**
   * Of the gradient of a normalisation [∂y, x, mean, 1/σ, …], whose ∂y a gate has gone through that reads the normalisation's result: the
   * lowering with the gate's own gradient for ∂y, that makes what the gate reads again from x and from one more input, the coefficients.
   */
  readonly gated?: ((gate: Gate) => Lower) | undefined;
  /** Of a normalisation → [y, mean, 1/σ]: gives the coefficients, scales and shifts, where it has a result of shape [2, channels] besides. */
  readonly coefficients?: boolean | undefined;
  /**
   * Of an operation in which the same channel of the operands alone makes a channel of the results, and that is lowered so: how many there are,
   * 0 where it is not so for these operands. Channels are the second dimension, of tensors without batch the only one or the last of [2, channels].
   */
  readonly byChannels?: ((inputs: readonly Layout[], outputs: readonly Layout[]) => number) | undefined;
  /** An operation that it can be joined with: a loss with its gradient. */
  readonly partner?: Partner | undefined;
  /**
   * `picks`: the first result is made of elements of the first input, of those that the second result names, as in maximum pooling.
   * `puts`: its gradient; the elements of the first input go to the places that the second names, zeros and sums elsewhere.
   */
  readonly choice?: 'picks' | 'puts' | undefined;
}

/** An operation that may be lowered together with one that alone reads its result, which then need not lie in memory. */
export interface Stage<L extends Lowering = Lowering> {
  /**
   * Both as one, if that is a gain: its inputs are those of this operation and then those of `next`, but for the first, its outputs those of
   * `next`. The layouts are those that each is given by itself.
   */
  readonly before: (next: Stage<L>, own: NodeLayouts, others: NodeLayouts) => Joined<L> | undefined;
}

/** Two operations as one, and what that is to the one before it. */
export interface Joined<L extends Lowering = Lowering> {
  readonly lower: Lower<L>;
  readonly stage?: Stage<L>;
}

export interface NodeLayouts {
  readonly inputs: readonly Layout[];
  readonly outputs: readonly Layout[];
}

/** A lowering of two operations at once; those of the second follow those of the first. */
export interface Partner<L extends Lowering = Lowering> {
  /** What the second is called. It reads the first one's results, all but the first of them. */
  readonly name: string;
  readonly lower: (l: L, first: NodeValues, second: NodeValues) => void;
}

export interface NodeValues {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

export interface GraphNode extends GraphOp {
  /** Values read and values written. A node that works in place has its target among both. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Where the operation's first scalar stands among those of the graph. */
  readonly firstScalar: number;
  /** Where its scalars stand, if not one after the other. */
  readonly scalars?: readonly number[] | undefined;
  /** Whether it makes again what another node has made before. */
  readonly repeats?: boolean | undefined;
}

/** Places of nodes by buffer, -1 for buffers that none mentions. */
export interface Lifetimes {
  readonly first: Int32Array;
  readonly last: Int32Array;
}

/** What a limit of the memory for intermediates has led to. */
export interface MemoryReport {
  readonly limit: number;
  /** Bytes that they would take without the limit. */
  readonly without: number;
  /** What is made more than once, and the arithmetic and traffic that this costs at every run. */
  readonly repeated: readonly string[];
  readonly flops: number;
  readonly bytes: number;
}

export class Graph {
  readonly buffers: GraphBuffer[] = [];
  readonly values: GraphValue[] = [];
  readonly nodes: GraphNode[] = [];
  /** The external buffers, in the order in which a run is given their addresses. */
  readonly externals: number[] = [];
  /** Of a graph that was planned under a limit. */
  memory: MemoryReport | undefined;

  /** A buffer whose address comes with each run. */
  external(bytes: number): number {
    const buffer = this.buffers.push({ kind: 'external', bytes }) - 1;
    this.externals.push(buffer);
    return buffer;
  }

  local(bytes: number): number {
    return this.buffers.push({ kind: 'local', bytes }) - 1;
  }

  constant(data: TypedArray): number {
    return this.buffers.push({ kind: 'constant', bytes: data.byteLength, data }) - 1;
  }

  /** A buffer through a layout, `offset` elements after its start. */
  value(buffer: number, layout: Layout, offset = 0): number {
    return this.values.push({ buffer, layout, offset }) - 1;
  }

  /** A value with an external buffer of its own. */
  input(layout: Layout): number {
    return this.value(this.external(layout.extent), layout);
  }

  /** Adds an operation that writes to new local buffers; returns its results. */
  node(name: string, lower: Lower, inputs: readonly number[], outputs: readonly Layout[]): number[] {
    const results = outputs.map((layout) => this.value(this.local(layout.extent), layout));
    this.nodeInto({ name, lower }, inputs, results, 0);
    return results;
  }

  /** Adds an operation that writes to existing values. */
  nodeInto(op: GraphOp, inputs: readonly number[], outputs: readonly number[], firstScalar: number): void {
    this.nodes.push({ ...op, inputs, outputs, firstScalar });
  }

  /** Makes a value's buffer external: the caller wants what it holds after a run. */
  output(id: number): void {
    this.publish(this.values[id]!.buffer);
  }

  /** Makes a local buffer external. */
  publish(buffer: number): void {
    const { kind, bytes } = this.buffers[buffer]!;
    if (kind === 'external') return;
    this.buffers[buffer] = { kind: 'external', bytes };
    this.externals.push(buffer);
  }

  /** The buffers that operations write to. */
  written(): Set<number> {
    return new Set(this.nodes.flatMap(({ outputs }) => outputs.map((id) => this.values[id]!.buffer)));
  }

  /** The first and the last node that mention each buffer. */
  lifetimes(): Lifetimes {
    const first = new Int32Array(this.buffers.length).fill(-1);
    const last = new Int32Array(this.buffers.length).fill(-1);
    this.nodes.forEach(({ inputs, outputs }, at) => {
      for (const ids of [inputs, outputs]) {
        for (const id of ids) {
          const { buffer } = this.values[id]!;
          if (first[buffer]! < 0) first[buffer] = at;
          last[buffer] = at;
        }
      }
    });
    return { first, last };
  }

  /** Whether a value covers its buffer, every byte. */
  covers(id: number): boolean {
    const { buffer, layout, offset } = this.values[id]!;
    return offset === 0 && layout.contiguous && layout.numel * itemSize(layout.dtype) === this.buffers[buffer]!.bytes;
  }
}
