/** Native kernels in tests: a device of its own with a cache of its own, which waits for every compile. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CpuDevice } from '../../src/devices/cpu/cpu.ts';
import { NativeKernels } from '../../src/devices/cpu/native/native.ts';
import { nodeSystem, type System } from '../../src/devices/cpu/native/system.ts';
import type { CpuStep } from '../../src/lower/cpu/lowering.ts';
import type { FasterCode, Runner } from '../../src/devices/device.ts';
import type { Target } from '../../src/kernels/cpu/ir.ts';
import type { Kernel } from '../../src/kernels/cpu/kernel.ts';

export const hasCompiler = ['cc', 'gcc', 'clang'].some((name) => spawnSync(name, ['--version']).status === 0);

/** Whether the compiler knows halves, on this machine. */
export const hasHalfType =
  hasCompiler &&
  spawnSync(process.env['FLAMBEAU_CC'] ?? 'cc', ['-march=native', '-xc', '-', '-c', '-o', '/dev/null'], { input: '_Float16 half;' })
    .status === 0;

/** Node's parts with other environment variables, and what was written to stderr. */
export function systemWith(env: Record<string, string | undefined>): { system: System; said: string[] } {
  const system = nodeSystem()!;
  const said: string[] = [];
  const process = {
    pid: system.process.pid,
    platform: system.process.platform,
    arch: system.process.arch,
    env: { PATH: system.process.env['PATH'], HOME: system.process.env['HOME'], FLAMBEAU_CC: system.process.env['FLAMBEAU_CC'], ...env },
    stderr: { write: (text: string) => said.push(text) },
    getuid: () => system.process.getuid!(),
    kill: (pid: number, signal: 'SIGKILL') => system.process.kill(pid, signal),
    once: (event: 'exit', listener: () => void) => system.process.once(event, listener),
  };
  return { system: { ...system, process: process }, said };
}

const folders: string[] = [];
process.once('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A directory that is removed when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-test-'));
  folders.push(folder);
  return folder;
}

export interface NativeSetup {
  readonly device: CpuDevice;
  readonly native: FasterCode;
  readonly said: readonly string[];
}

export function nativeSetup(env: Record<string, string | undefined> = {}): NativeSetup {
  const device = new CpuDevice();
  const { system, said } = systemWith({ FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE: temporaryFolder(), ...env });
  return { device, native: new NativeKernels(device, system), said };
}

/** A launch of a kernel; its parameters are given in their order. */
export function stepOf(
  kernel: Kernel,
  values: readonly number[] = [],
  options: Partial<Pick<CpuStep, 'size' | 'grain' | 'scratch'>> = {},
): CpuStep {
  const args = Object.fromEntries(Object.keys(kernel.slots).map((name, i) => [name, values[i] ?? 0]));
  const { size = 1, grain = size, scratch = 0 } = options;
  return { node: 0, name: kernel.key, flops: 0, operands: [], work: String(size), kernel, args, size, grain, scratch };
}

export const stepsOf = (...kernels: readonly Kernel[]): CpuStep[] => kernels.map((kernel) => stepOf(kernel));

/** For programs without buffers. */
export const NOWHERE = { buffers: [], offsets: [] };

/** Runs a kernel once over [0, size) on pointers and returns nothing: results are in memory. */
export function runOnce(runner: Runner, kernel: Kernel, pointers: readonly number[], size: number): void {
  const program = runner.program([stepOf(kernel, pointers, { size })]);
  program.run(NOWHERE, []);
  program.dispose();
}

/** The same kernel for a target, whose key says so. */
export const forTarget = (kernel: Kernel, target: Target): Kernel => ({
  ...kernel,
  key: `${target.name}:${target.vectorBytes}:${kernel.key}`,
  target,
});
