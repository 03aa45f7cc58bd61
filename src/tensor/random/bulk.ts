/**
 * Many float32 draws at a time, by kernels: uniform numbers (kernels/cpu/random/mersenne.ts) and normal ones (kernels/cpu/random/normal.ts), bit for bit as
 * uniform.ts and normal.ts say. Here is where the kernels work: arrays in the device's memory are filled in place, others through some of it.
 */
import type { LoadedKernel } from '../../devices/cpu/kernel-table.ts';
import type { Kernel } from '../../kernels/cpu/kernel.ts';
import { MERSENNE_WORDS as WORDS, mersenneKernel } from '../../kernels/cpu/random/mersenne.ts';
import { NORMAL_BLOCK, normalKernel } from '../../kernels/cpu/random/normal.ts';
import { cpuDevice } from '../backend.ts';
import { fma32 } from './fused.ts';
import type { Generator } from './generator.ts';

/** Numbers at a time, which stay in the caches: whole blocks of the generator, and of normal numbers. */
export const BULK = 16 * WORDS;

/** Addresses: the generator's state with room for blocks after it, numbers on their way elsewhere, arguments. */
interface Place {
  readonly state: number;
  readonly numbers: number;
  readonly args: number;
  readonly handles: Map<string, LoadedKernel>;
  /** Whether the vectors' multiply-adds are fused: relaxed ones are where the processor has such an instruction. Undefined: not tried. */
  fused: boolean | undefined;
}

let place: Place | undefined;

/** Takes the device memory that is worked in, which may move what is there. */
export function prepareDraws(): Place {
  if (place === undefined) {
    const device = cpuDevice();
    const state = device.allocateAt(4 * (WORDS + 2 * BULK) + 32);
    const numbers = state + 4 * (WORDS + BULK);
    place = { state, numbers, args: numbers + 4 * BULK, handles: new Map(), fused: undefined };
  }
  return place;
}

/** A digest of the probe's results where multiply-adds are fused, as in the kernel that works in double precision. */
const FUSED_BITS = 1003045144;

/** Whether multiply-adds are fused: normal numbers come out with the bits that it gives them. */
function isFused(p: Place): boolean {
  if (p.fused !== undefined) return p.fused;
  p.fused = cpuDevice().target.fusedMultiplyAdd;
  if (!p.fused) return false;
  const numbers = new Float32Array(cpuDevice().memory.buffer, p.numbers, NORMAL_BLOCK);
  for (let i = 0; i < NORMAL_BLOCK; i++) numbers[i] = (i * 1000003) / 2 ** 24;
  runNormal(p, p.numbers, NORMAL_BLOCK, 0, 1);
  const bits = new Int32Array(cpuDevice().memory.buffer, p.numbers, NORMAL_BLOCK);
  return (p.fused = bits.reduce((sum, x) => (Math.imul(sum, 31) + x) | 0, 0) === FUSED_BITS);
}

function run(
  p: Place,
  name: string,
  make: () => Kernel,
  size: number,
  words: readonly number[],
  doubles: readonly number[],
): void {
  const device = cpuDevice();
  let kernel = p.handles.get(name);
  if (kernel === undefined) p.handles.set(name, (kernel = device.load(make())));
  words.forEach((value, i) => device.setWord(p.args + 8 * i, value));
  doubles.forEach((value, i) => device.setDouble(p.args + 8 * (words.length + i), value));
  device.run({ kernel, args: p.args, size, grain: size, scratch: 0 });
}

function runNormal(p: Place, address: number, count: number, mean: number, std: number): void {
  const vectors = p.fused === true;
  const make = (): Kernel => normalKernel(cpuDevice().target, vectors);
  run(p, vectors ? 'normal' : 'normal one by one', make, count / NORMAL_BLOCK, [address], [std, mean]);
}

/** The address to work at for an array: its own, or that of `numbers`. */
function addressOf(p: Place, out: Float32Array): number {
  return out.buffer === cpuDevice().memory.buffer ? out.byteOffset : p.numbers;
}

/** Numbers that were worked out elsewhere. */
function fetch(p: Place, out: Float32Array, address: number): void {
  if (address === p.numbers) out.set(new Float32Array(cpuDevice().memory.buffer, address, out.length));
}

/**
 * Fills the front of `out` with draws of [from, from + range), as many blocks of the generator as it takes, when it is at the end of one.
 * @returns how many numbers that were; 0 where it is not possible
 */
export function drawBlocks(out: Float32Array, from: number, range: number, generator: Generator): number {
  const p = prepareDraws();
  if (from !== 0 && !isFused(p)) return 0;
  const count = Math.min(out.length, BULK) - (Math.min(out.length, BULK) % WORDS);
  const done = generator.passBlocks((words) => {
    const state = new Int32Array(cpuDevice().memory.buffer, p.state, WORDS + count);
    state.set(words);
    const [front, address] = [out.subarray(0, count), addressOf(p, out)];
    run(p, 'mersenne', () => mersenneKernel(cpuDevice().target), count / WORDS, [p.state, address], [range, from]);
    fetch(p, front, address);
    words.set(state.subarray(count));
  });
  return done ? count : 0;
}

/** Turns numbers of [0, 1) into normal ones, in place; they are whole blocks of them. */
export function makeNormal(data: Float32Array, mean: number, std: number): void {
  const p = prepareDraws();
  const fused = isFused(p);
  for (let from = 0; from < data.length; from += BULK) {
    const part = data.subarray(from, from + BULK);
    const address = addressOf(p, part);
    if (address === p.numbers) new Float32Array(cpuDevice().memory.buffer, address, part.length).set(part);
    runNormal(p, address, part.length, fused ? mean : 0, fused ? std : 1);
    fetch(p, part, address);
    // Without fused multiply-adds two roundings might tie; fma32 knows.
    if (!fused) part.forEach((x, i) => (part[i] = fma32(x, std, mean) + 0));
  }
}
