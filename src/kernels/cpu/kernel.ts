/**
 * A kernel: functions of the loop language with one entry that every device calls the same way.
 *
 * The entry receives the address of an argument block (one 8-byte slot per parameter), a range [lo, hi) of the kernel's
 * units of work (images, rows, elements: the kernel says), and the address of this thread's scratch. Devices split the
 * range over threads; a kernel must give the same bits however it is split, so sums never cross a unit of work.
 */
import { Recent } from '../../base/recent.ts';
import { Fn, load, type Expr, type Local, type Target } from './ir.ts';

/** `ptr` and `i32` fill the low half of a slot, `f64` the whole. Scalars of tensor maths travel as f64. */
export type ParamType = 'ptr' | 'i32' | 'f64';
export type ParamSpec = Readonly<Record<string, ParamType>>;

export interface Kernel<P extends ParamSpec = ParamSpec> {
  /** Identifies the code: equal keys mean equal functions. */
  readonly key: string;
  /** What its code assumes, where that is not simply the device's target. */
  readonly target?: Target;
  readonly params: P;
  /** Slot number of each parameter. */
  readonly slots: Readonly<Record<keyof P & string, number>>;
  readonly functions: readonly Fn[];
  readonly entry: Fn;
}

/** What a kernel's body is written with. */
export interface KernelScope<P extends ParamSpec> {
  /** The entry function, where the body is built. */
  readonly f: Fn;
  /** The parameters, already loaded into locals. */
  readonly p: { readonly [K in keyof P]: Local };
  readonly lo: Local;
  readonly hi: Local;
  /** This thread's scratch, 64-byte aligned, of the size that the lowering asked for. Not zeroed. */
  readonly scratch: Local;
  /** Adds a function that the entry (or another function) calls. */
  fn(name: string, params: readonly (readonly [string, 'i32' | 'f32' | 'f64'])[], build: (f: Fn, args: readonly Local[]) => void): Fn;
}

/** Builds a kernel. `key` must name everything that the built code depends on, except the target. */
export function buildKernel<const P extends ParamSpec>(key: string, params: P, body: (scope: KernelScope<P>) => void): Kernel<P> {
  const entry = new Fn('entry', [
    ['args', 'i32'],
    ['lo', 'i32'],
    ['hi', 'i32'],
    ['scratch', 'i32'],
  ]);
  const [args, lo, hi, scratch] = entry.args as [Local, Local, Local, Local];
  const slots: Record<string, number> = {};
  const locals: Record<string, Local> = {};
  Object.entries(params).forEach(([name, type], slot) => {
    slots[name] = slot;
    const value: Expr = load(type === 'f64' ? 'f64' : 'i32', args, slot * 8);
    locals[name] = entry.let(name, value);
  });
  const functions: Fn[] = [];
  body({
    f: entry,
    p: locals as { [K in keyof P]: Local },
    lo,
    hi,
    scratch,
    fn(name, parameters, build) {
      const f = new Fn(name, parameters);
      build(f, f.args);
      functions.push(f);
      return f;
    },
  });
  return { key, params, slots: slots as Kernel<P>['slots'], functions: [...functions, entry], entry };
}

/** Kernels are trees, large ones; devices have the code of those that they run. */
const cache = new Recent<string, Kernel>(1024);

/** The kernel of this key for this target, built on first use. */
export function cachedKernel<const P extends ParamSpec>(
  target: Target,
  key: string,
  params: P,
  body: (scope: KernelScope<P>) => void,
): Kernel<P> {
  const full = `${target.name}:${key}`;
  let kernel = cache.get(full);
  if (kernel === undefined) {
    kernel = { ...buildKernel(full, params, body), target };
    cache.set(full, kernel);
  }
  return kernel as unknown as Kernel<P>;
}
