/**
 * Kernels compiled for another machine and run in an emulator: the C that this machine's kernels are made of, through a
 * cross compiler. A run writes the device's memory to a file, has the emulated program work on it, and reads it back.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compilerFlags } from '../../src/devices/cpu/native/compiler.ts';
import type { NativeHost } from '../../src/devices/cpu/cpu.ts';
import type { CpuStep } from '../../src/lower/cpu/lowering.ts';
import { cpuProgram } from '../../src/devices/cpu/program.ts';
import type { FasterCode, Program, ProgramOptions } from '../../src/devices/device.ts';
import { emitKernel, emitUnit, type EmittedKernel } from '../../src/kernels/cpu/c/emit.ts';
import type { Target } from '../../src/kernels/cpu/ir.ts';
import type { Kernel } from '../../src/kernels/cpu/kernel.ts';
import { temporaryFolder } from './native.ts';

export const NEON_COMPILER = 'aarch64-linux-gnu-gcc';
export const NEON_EMULATOR = 'qemu-aarch64';
export const NEON: Target = { name: 'c-neon', vectorBytes: 16, fusedMultiplyAdd: true, liveVectors: 30 };

export const installed = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** Runs launches `index args size scratch` on the memory in a file. Prints what a failed division returned. */
const MAIN = `
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
int main(int argc, char **argv) {
  struct stat status;
  int file = open(argv[1], O_RDWR);
  fstat(file, &status);
  uint8_t *mem = mmap(0, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  for (int i = 2; i + 3 < argc; i += 4) {
    int trap = entries[atoi(argv[i])](mem, atoi(argv[i + 1]), 0, atoi(argv[i + 2]), atoi(argv[i + 3]));
    if (trap) return 100 + trap;
  }
  return 0;
}
`;

/** Compiles a file; throws with the compiler's complaints. */
export function compileC(compiler: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${compiler} failed:\n${stderr.slice(0, 2000)}`);
}

export class EmulatedKernels implements FasterCode {
  readonly patience = 1;
  readonly target = NEON;
  readonly #host: NativeHost;
  readonly #folder = temporaryFolder();
  readonly #kernels: Kernel[] = [];
  #compiled = 0;

  constructor(host: NativeHost) {
    this.#host = host;
  }

  ready(steps: readonly CpuStep[]): boolean {
    const known = new Set(this.#kernels.map(({ key }) => key));
    for (const { kernel } of steps) if (!known.has(kernel.key)) this.#kernels.push(kernel);
    return true;
  }

  settled(): Promise<boolean> {
    return Promise.resolve(true);
  }

  #place(kernel: Kernel): number {
    return this.#kernels.findIndex(({ key }) => key === kernel.key);
  }

  /** Compiles all kernels so far into one program. */
  #build(): void {
    if (this.#compiled === this.#kernels.length) return;
    const symbols = this.#kernels.map((_, i) => `k${i}`);
    const units = new Map<number, Map<string, EmittedKernel>>(); // one for each vector width
    this.#kernels.forEach((kernel, i) => {
      const target = kernel.target ?? NEON;
      if (!units.has(target.vectorBytes)) units.set(target.vectorBytes, new Map());
      units.get(target.vectorBytes)!.set(symbols[i]!, emitKernel(kernel, target));
    });
    const files = [...units].map(([width, unit]) => this.#write(`kernels${width}.c`, emitUnit(unit)));
    const declared = symbols.map((symbol) => `int ${symbol}(unsigned char *, int, int, int, int);\n`).join('');
    const table = `int (*entries[])(unsigned char *, int, int, int, int) = {${symbols.join(', ')}};\n`;
    const main = this.#write('main.c', declared + table + MAIN);
    const flags = compilerFlags('').filter((flag) => !['-march=native', '-shared', '-s'].includes(flag));
    compileC(NEON_COMPILER, [...flags, '-static', ...files, main, '-o', join(this.#folder, 'program'), '-lm']);
    this.#compiled = this.#kernels.length;
  }

  #write(name: string, text: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text);
    return path;
  }

  program(steps: readonly CpuStep[], options: ProgramOptions = {}): Program {
    return cpuProgram(this.#host, steps, options, (blocks) => {
      return { run: () => this.#run(steps, blocks), at: -1, dispose: () => undefined };
    });
  }

  #run(steps: readonly CpuStep[], blocks: readonly number[]): void {
    const host = this.#host;
    this.#build();
    host.provideScratch(Math.max(0, ...steps.map(({ scratch }) => scratch)));
    const file = join(this.#folder, 'memory');
    const memory = new Uint8Array(host.memory.buffer);
    writeFileSync(file, memory.slice());
    const args = steps.flatMap(({ kernel, size }, i) => [this.#place(kernel), blocks[i]!, size, host.scratch].map(String));
    const { status, stderr } = spawnSync(NEON_EMULATOR, [join(this.#folder, 'program'), file, ...args], { encoding: 'utf8' });
    if (status === 101 || status === 102) {
      throw new WebAssembly.RuntimeError(status === 101 ? 'divide by zero' : 'divide result unrepresentable');
    }
    if (status !== 0) throw new Error(`the emulated program ended with ${status}: ${stderr}`);
    memory.set(readFileSync(file));
  }
}
