/**
 * What an operation's lowering writes to: kernel launches with their arguments, temporary buffers, constant tables.
 *
 * Lowering happens once per plan; running the plan only patches addresses and scalars. So a lowering may compute tables
 * and choose algorithms freely, from shapes alone, never from values.
 */
import { itemSize, type TypedArray } from '../base/dtype.ts';
import { invariant } from '../base/errors.ts';
import { layoutOf, type Layout } from '../base/layout.ts';
import type { HostCall } from './calls.ts';
import { arrange, type Arrangement, type Span } from './arena.ts';

/** A buffer of the plan, seen as a tensor. */
export interface Value {
  readonly layout: Layout;
  /** Index among the plan's buffers. */
  readonly buffer: number;
  /** Where the first element lies in the buffer. */
  readonly byteOffset: number;
}

/** A number given anew at every run of the plan: a learning rate, a scalar operand. */
export interface ScalarInput {
  readonly scalar: number;
}

/** Where a buffer comes from. */
export type BufferSource<S extends LoweredStep = LoweredStep> =
  | { readonly kind: 'external'; readonly index: number }
  | { readonly kind: 'temp'; readonly temp: number }
  | { readonly kind: 'constant'; readonly data: TypedArray }
  | FaultSource
  | KeptSource<S>;

/** Where kernels write down a value that they refuse, on a device that only looks at it later. */
export interface FaultSource {
  readonly kind: 'fault';
  /** What is thrown then. */
  readonly error: (value: bigint) => Error;
}

/** int64 words of a report: whether there is one, and the value. */
export const FAULT_WORDS = 2;

/** What the plan keeps from run to run because it is made of external buffers that the plan only reads. */
export interface KeptSource<S extends LoweredStep = LoweredStep> {
  readonly kind: 'kept';
  readonly bytes: number;
  /** The external buffers. */
  readonly sources: readonly number[];
  /** What fills it. */
  readonly steps: S[];
}

/** A launch as the compiler sees it; what else belongs to it, its device knows. */
export interface LoweredStep {
  /** The number of the node that it is part of. */
  readonly node: number;
  /** The kernel's key. */
  readonly name: string;
  /** Floating-point operations, where the lowering states them. */
  readonly flops: number;
  /** The buffers that it reads and writes, as their layouts say, one after the other. */
  readonly operands: readonly Value[];
  /** How much work it is, as text: `640 by 20`. */
  readonly work: string;
  /** Of the first of launches that run together: how many they are. */
  readonly together?: { readonly count: number } | undefined;
  /** What the program does here, in the place of a launch. */
  readonly call?: HostCall | undefined;
  /**
   * All that it does, as text that is the same in other plans; `roleOf` says so of a buffer. Undefined, as where there is no such method, if
   * that cannot be said.
   */
  recipe?(roleOf: (buffer: number) => string | undefined): string | undefined;
}

/** What is larger than this is not kept. */
const KEPT_BYTES = 64 * 1024 * 1024;
export abstract class Lowering<S extends LoweredStep = LoweredStep> {
  readonly buffers: BufferSource<S>[] = [];
  readonly steps: S[] = [];
  /** External buffers that no operation of the plan writes, if what is made of them is to be kept. */
  readonly #steady: ReadonlySet<number>;
  readonly #temps: Span[] = [];
  /** The blocks that nodes asked for to work in. */
  readonly workspaces: { readonly node: number; readonly bytes: number }[] = [];
  /** Whether products of float32 may be computed in less than its precision. */
  reduced = false;
  #node = 0;
  #firstScalar = 0;

  constructor(steady: ReadonlySet<number> = new Set()) {
    this.#steady = steady;
  }

  /** The number of the node that launches belong to now. */
  get node(): number {
    return this.#node;
  }

  /** From now on launches belong to the node of this number, whose scalars begin at `firstScalar`. */
  beginNode(node: number, firstScalar: number): void {
    this.#node = node;
    this.#firstScalar = firstScalar;
  }

  /** Where temporaries lie in a run's one block, or in several of at most so many bytes, and its size. */
  arrange(most = Infinity): Arrangement {
    return arrange(this.#temps, most);
  }

  /** A value whose address the caller of the plan supplies. */
  external(layout: Layout, index: number): Value {
    return this.#value(layout, { kind: 'external', index });
  }

  /** A contiguous buffer that lives while the current node runs. Not zeroed. */
  temp(dtype: Layout['dtype'], shape: readonly number[]): Value {
    const layout = layoutOf(dtype, shape);
    const bytes = layout.numel * itemSize(dtype);
    this.workspaces.push({ node: this.#node, bytes });
    return this.local(layout, bytes, this.#node, this.#node);
  }

  /**
   * A contiguous buffer for what is made of `sources` alone, such as packed weights; what fills it says so with `makes`. Where the sources
   * come from outside and the plan does not change them, it is kept and only made again after they have changed; else, and where it is
   * so large that its memory matters more, it is a `temp`.
   */
  derived(dtype: Layout['dtype'], shape: readonly number[], sources: readonly Value[]): Value {
    const layout = layoutOf(dtype, shape);
    if (!this.steady(sources) || layout.numel * itemSize(dtype) > KEPT_BYTES) return this.temp(dtype, shape);
    const external = sources.map(({ buffer }) => buffer).filter((buffer) => this.buffers[buffer]!.kind === 'external');
    return this.#value(layout, { kind: 'kept', bytes: layout.numel * itemSize(dtype), sources: external, steps: [] });
  }

  /** Whether what is made of these values is kept from run to run. */
  steady(values: readonly Value[]): boolean {
    return values.every(({ buffer }) => {
      const source = this.buffers[buffer]!;
      return source.kind === 'constant' ? this.#steady.size > 0 : source.kind === 'external' && this.#steady.has(source.index);
    });
  }

  /** All launches, those that make what is kept among them. */
  allSteps(): S[] {
    return [...this.buffers.flatMap((source) => (source.kind === 'kept' ? source.steps : [])), ...this.steps];
  }

  /** A buffer that lives from one node to another. Not zeroed. */
  local(layout: Layout, bytes: number, first: number, last: number): Value {
    return this.#value(layout, { kind: 'temp', temp: this.#temps.push({ bytes, first, last }) - 1 });
  }

  /** A table written once, when the plan is made. */
  constant(dtype: Layout['dtype'], data: TypedArray): Value {
    return this.#value(layoutOf(dtype, [data.length]), { kind: 'constant', data });
  }

  /**
   * Where kernels report a value that the operation does not take, such as an index out of range; `error` makes of it what is
   * thrown. For devices that run on regardless.
   */
  protected report(error: FaultSource['error']): Value {
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

  /** Adds a launch. Launches run in order; each sees what earlier ones wrote. `makes` is the kept buffer that it fills, if any. */
  protected add(step: S, makes?: Value): void {
    this.#listFor(step, makes).push(step);
  }

  /** Where a launch goes: to the others, or to those that fill a buffer which is kept. */
  #listFor({ operands }: S, makes: Value | undefined): S[] {
    const made = makes && this.buffers[makes.buffer]!;
    if (made?.kind !== 'kept') return this.steps;
    for (const { buffer } of operands) {
      if (buffer === makes!.buffer) continue;
      const alone = this.buffers[buffer]!.kind === 'constant' || made.sources.includes(buffer);
      invariant(alone, 'what a kept buffer is made of is among its sources');
    }
    return made.steps;
  }

  #value(layout: Layout, source: BufferSource<S>): Value {
    return { layout, buffer: this.buffers.push(source) - 1, byteOffset: 0 };
  }
}
