/** `profile(fn)`: where the time of a function goes, kernel by kernel. */
import { setProfiler, type LaunchRecord } from '../compiler/profiler.ts';
import { FUNCTION, POSITIVE, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { inspectSymbol } from './tensor.ts';

/** All launches of a kernel for one operation and shape. */
export interface KernelTotal {
  readonly operation: string;
  readonly kernel: string;
  readonly shape: string;
  readonly calls: number;
  /** Milliseconds of all calls. */
  readonly ms: number;
  readonly flops: number;
  readonly bytes: number;
}

/** An event of a Chrome trace: open the file in `chrome://tracing` or https://ui.perfetto.dev. Microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: 'X';
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, string | number>>;
}

/** Names of joined expressions are as long as what they compute. */
const shortened = (name: string): string => (name.length > 80 ? `${name.slice(0, 79)}…` : name);

/** Browsers make their clock coarse where a page could spy with it. */
const COARSE =
  'the clock of a page that is not cross-origin isolated moves in steps of 0.1 to 1 ms, so short kernels count as 0; send the headers ' +
  'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or profile a longer loop';

/** What {@link profile} measured. `console.log` shows a table. */
export class Profile {
  readonly launches: readonly LaunchRecord[];
  /** Milliseconds from beginning to end, what is not in kernels included. */
  readonly ms: number;

  constructor(launches: readonly LaunchRecord[], ms: number) {
    this.launches = launches;
    this.ms = ms;
  }

  /** Whether the clock was too coarse for some of the kernels. */
  get #coarse(): boolean {
    return (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false && this.launches.some(({ ms }) => ms < 1);
  }

  /** Milliseconds in kernels. */
  get kernelMs(): number {
    return this.launches.reduce((sum, { ms }) => sum + ms, 0);
  }

  /** Launches summed by operation, kernel and shape; the longest first. */
  totals(): KernelTotal[] {
    const totals = new Map<string, { -readonly [K in keyof KernelTotal]: KernelTotal[K] }>();
    for (const { operation, kernel, shape, ms, flops, bytes } of this.launches) {
      const key = `${operation} ${kernel} ${shape}`;
      const total = totals.get(key) ?? { operation, kernel, shape, calls: 0, ms: 0, flops: 0, bytes: 0 };
      total.calls++;
      total.ms += ms;
      total.flops += flops;
      total.bytes += bytes;
      totals.set(key, total);
    }
    return [...totals.values()].sort((a, b) => b.ms - a.ms);
  }

  /**
   * The totals as text.
   * @param peak GFLOP/s that the machine can do, for a column of percentages
   */
  table(peak?: number): string {
    if (peak !== undefined) requireKind('table', 'peak', peak, POSITIVE);
    const head = ['operation', 'kernel', 'shape', 'calls', 'ms', '%', 'GFLOP/s', ...(peak === undefined ? [] : ['of peak']), 'GB/s'];
    const all = this.kernelMs;
    // A page's clock may not have moved during a short kernel.
    const per = (amount: number, time: number, digits: number): string => (time > 0 ? (amount / time).toFixed(digits) : '–');
    const rows = this.totals().map(({ operation, kernel, shape, calls, ms, flops, bytes }) => {
      const share = peak === undefined ? [] : [flops === 0 ? '' : `${per(flops / 1e4, ms * peak, 0)} %`];
      const speed = flops === 0 ? '' : per(flops / 1e6, ms, 1);
      return [operation, shortened(kernel), shape, String(calls), ms.toFixed(3), per(100 * ms, all, 1), speed, ...share, per(bytes / 1e6, ms, 1)]; // prettier-ignore
    });
    const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
    const line = (cells: readonly string[]): string =>
      cells
        .map((cell, i) => (i < 3 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd();
    const outside = `${this.launches.length} launches, ${all.toFixed(3)} ms in kernels of ${this.ms.toFixed(3)} ms`;
    return [line(head), ...rows.map(line), outside, ...(this.#coarse ? [COARSE] : [])].join('\n');
  }

  /** The launches as Chrome's trace events: write `JSON.stringify(p.trace())` to a file. */
  trace(): { readonly traceEvents: readonly TraceEvent[] } {
    const traceEvents = this.launches.map(({ operation, kernel, target, shape, start, ms, flops, bytes }): TraceEvent => ({
      name: operation,
      cat: target,
      ph: 'X',
      ts: start * 1000,
      dur: ms * 1000,
      pid: 1,
      tid: 1,
      args: { kernel, shape, flops, bytes },
    }));
    return { traceEvents };
  }

  toString(): string {
    return this.table();
  }

  [inspectSymbol](): string {
    return this.toString();
  }
}

/**
 * Runs a function and measures every kernel that it launches: time, floating-point operations, bytes. Launches are timed one
 * by one, so a compiled step is a little slower than without. Run the function a few times before, so that what is measured
 * is compiled. On a GPU each launch is waited for, so the time of one includes that of waiting, some 0.05 to 0.2 ms.
 * @throws ArgumentError for an asynchronous function
 * @throws DeviceError on a GPU that this thread may not wait for, as on a page
 * @example
 * import { ones, profile } from 'flambeau';
 * const x = ones(64, 64);
 * const p = profile(() => x.matmul(x).sum());
 * if (!p.totals().some(({ operation, flops }) => operation === 'matmul' && flops === 2 * 64 ** 3)) throw new Error('a product');
 */
export function profile(fn: () => unknown): Profile {
  requireKind('profile', 'the argument', fn, FUNCTION);
  const launches: LaunchRecord[] = [];
  const before = setProfiler({ record: (launch) => void launches.push(launch) });
  const start = performance.now();
  try {
    if (fn() instanceof Promise) {
      throw new ArgumentError('profile: expected a function that is done when it returns, but got an asynchronous one');
    }
  } finally {
    setProfiler(before);
  }
  return new Profile(launches, performance.now() - start);
}
