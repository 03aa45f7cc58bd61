/** Collects how long each kernel launch takes, while a profiler is active; `tensor/profile.ts` is its user's side. */

/** One launch of a kernel. */
export interface LaunchRecord {
  /** The operation that the launch is part of. */
  readonly operation: string;
  /** The kernel's key without its target. */
  readonly kernel: string;
  readonly target: string;
  /** The result's shape, as text. */
  readonly shape: string;
  /** Milliseconds since the program's start, and of the launch. */
  readonly start: number;
  readonly ms: number;
  /** Floating-point operations, where the lowering states them; 0 else. */
  readonly flops: number;
  /** Bytes of the buffers that it reads and writes, each once. */
  readonly bytes: number;
}

export interface Profiler {
  record(launch: LaunchRecord): void;
}

let active: Profiler | undefined;

export const activeProfiler = (): Profiler | undefined => active;

/** Sets the profiler that launches report to; returns the one before. */
export function setProfiler(profiler: Profiler | undefined): Profiler | undefined {
  const before = active;
  active = profiler;
  return before;
}
