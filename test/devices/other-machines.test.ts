/**
 * Native kernels for machines that this one is not: a training step compiled for AVX-512, whose instructions are looked
 * for, and one compiled for ARM, which an emulator runs. What is not installed is skipped.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, F, manualSeed, nn, optim, randint, randn } from 'flambeau';
import { describe, expect, it } from 'vitest';
import { compilerFlags } from '../../src/devices/cpu/native/compiler.ts';
import { emitKernel, emitUnit, type EmittedKernel } from '../../src/kernels/cpu/c/emit.ts';
import type { Target } from '../../src/kernels/cpu/ir.ts';
import type { Kernel } from '../../src/kernels/cpu/kernel.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { compileC, EmulatedKernels, installed, NEON, NEON_COMPILER, NEON_EMULATOR } from '../support/emulated.ts';
import { temporaryFolder } from '../support/native.ts';
import { kernelsFor, WIDTHS, withNative } from '../support/targets.ts';

/** Losses of a few steps of a network with all that is usual, and the compiled step. */
function train(steps: number): { losses: number[]; step: { toString(): string } } {
  manualSeed(1);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1 }),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 24, 3, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Flatten(),
    new nn.Linear(24 * 16, 40),
    new nn.Tanh(),
    new nn.Linear(40, 10),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const [x, y] = [randn(8, 3, 16, 16), randint(0, 10, [8])];
  const step = compile(() => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  return { losses: Array.from({ length: steps }, () => step().item()), step };
}

/** The kernels of that step for a target. */
const stepFor = (target: Target): Kernel[] => kernelsFor(target, () => train(1));

const AVX512 = WIDTHS.at(-1)!;
const avx512Flags = compilerFlags('').filter((flag) => flag !== '-march=native' && flag !== '-shared');
const hasAvx512 =
  process.arch === 'x64' &&
  ['gcc', 'objdump'].every(installed) &&
  spawnSync('gcc', ['-march=skylake-avx512', '-E', '-x', 'c', '/dev/null']).status === 0;

describe.skipIf(!hasAvx512)('for AVX-512 (needs gcc and objdump on x86-64; compiled only, not run)', () => {
  it('has fused multiply-adds on vectors of 64 bytes, with all registers', () => {
    const kernels = stepFor(AVX512);
    const wide = kernels.filter((kernel) => kernel.target?.vectorBytes === 64);
    expect(wide.length).toBeGreaterThan(2);
    const folder = temporaryFolder();
    const objects = [16, 64].map((width) => {
      const unit = new Map<string, EmittedKernel>();
      for (const kernel of kernels) {
        const target: Target = kernel.target ?? AVX512;
        if (target.vectorBytes === width) unit.set(`k${unit.size}`, emitKernel(kernel, target));
      }
      const [source, object] = [join(folder, `${width}.c`), join(folder, `${width}.o`)];
      writeFileSync(source, emitUnit(unit));
      compileC('gcc', [...avx512Flags, '-march=skylake-avx512', '-Wall', '-Werror=uninitialized', '-c', source, '-o', object]);
      return spawnSync('objdump', ['-d', '--no-show-raw-insn', object], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout;
    });
    expect(objects[1]!.match(/vfmadd\w+ps .*%zmm/g)!.length).toBeGreaterThan(50);
    expect(objects[1]).toMatch(/%zmm(1[6-9]|2\d|3[01])/);
    expect(objects[0]).not.toMatch(/%zmm/);
  });
});

const hasNeon = installed(NEON_COMPILER);
describe.skipIf(!hasNeon)(`for ARM (needs ${NEON_COMPILER}; to run it, ${NEON_EMULATOR})`, () => {
  it('uses vector instructions', () => {
    const kernels = stepFor(NEON);
    const folder = temporaryFolder();
    const unit = new Map(kernels.map((kernel, i) => [`k${i}`, emitKernel(kernel, kernel.target ?? NEON)]));
    const [source, assembly] = [join(folder, 'k.c'), join(folder, 'k.s')];
    writeFileSync(source, emitUnit(unit));
    compileC(NEON_COMPILER, [...avx512Flags, '-S', source, '-o', assembly]);
    const text = readFileSync(assembly, 'utf8');
    expect(text.match(/fmla\s+v\d+\.4s/g)!.length).toBeGreaterThan(50);
  });

  it.skipIf(!installed(NEON_EMULATOR))(
    'trains as WebAssembly does',
    () => {
      const expected = train(4).losses;
      const { losses, step } = withNative(new EmulatedKernels(cpuDevice()), () => train(4));
      expect(String(step)).toMatch(/: c-neon[^\n]*conv/);
      losses.forEach((loss, i) => expect(Math.abs(loss - expected[i]!)).toBeLessThan(2e-5 * Math.abs(expected[i]!)));
    },
    300_000,
  );
});
