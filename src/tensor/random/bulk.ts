/**
 * Many float32 draws at a time, by kernels: uniform numbers (kernels/cpu/random/mersenne.ts) and normal ones (kernels/cpu/random/normal.ts), bit for bit as
 * uniform.ts and normal.ts say. The CPU runs them as it runs everything, as programs; here is the memory that they work in, and what goes into it and out of it.
 */
import type { TypedArray } from '../../base/dtype.ts';
import { invariant } from '../../base/errors.ts';
import type { Buffer, Holding, Places, Program } from '../../devices/device.ts';
import { MERSENNE_WORDS as WORDS } from '../../kernels/cpu/random/mersenne.ts';
import { NORMAL_BLOCK } from '../../kernels/cpu/random/normal.ts';
import { mersenneSteps, normalSteps } from '../../lower/cpu/random.ts';
import { cpuDevice } from '../backend.ts';
import { fma32 } from './fused.ts';
import type { Generator } from './generator.ts';

/** Numbers at a time, which stay in the caches: whole blocks of the generator, and of normal numbers. */
export const BULK = 16 * WORDS;

/** Bytes for what a program holds: the arguments of its one launch. */
const HELD = 64;

type Kind = 'uniform' | 'whole' | 'normal' | 'normal one by one';

/** What is worked in. */
interface Place {
  /** The generator's state, with room for blocks after it. */
  readonly state: Buffer;
  /** Numbers on their way. */
  readonly numbers: Buffer;
  readonly held: Readonly<Record<Kind, Buffer>>;
  readonly programs: Map<Kind, Program>;
  /** Whether the vectors' multiply-adds are fused: relaxed ones are where the processor has such an instruction. Undefined: not tried. */
  fused: boolean | undefined;
}

let place: Place | undefined;

/** Takes the device memory that is worked in, which may move what is there; later nothing is taken. */
export function prepareDraws(): Place {
  if (place === undefined) {
    const device = cpuDevice();
    const take = (): Buffer => device.allocate(HELD);
    const held = { uniform: take(), whole: take(), normal: take(), 'normal one by one': take() };
    place = { state: device.allocate(4 * (WORDS + BULK)), numbers: device.allocate(4 * BULK), held, programs: new Map(), fused: undefined };
  }
  return place;
}

/** The tensor's memory that is being filled: `data` is a view of it. */
interface Target {
  readonly data: TypedArray;
  readonly buffer: Buffer;
  /** In bytes. */
  readonly offset: number;
}

let target: Target | undefined;

/** Runs `fill`, which draws into an array that is the CPU's memory: numbers are made there, and not copied to it. */
export function drawnInto(memory: Target, fill: () => void): void {
  const before = target;
  target = memory;
  try {
    fill();
  } finally {
    target = before;
  }
}

/** Where kernels make the numbers of an array: in its own memory, or on the way. */
interface Where {
  readonly buffer: Buffer;
  readonly offset: number;
}

function whereOf(p: Place, { buffer, byteOffset, byteLength }: Float32Array | BigInt64Array): Where {
  if (target?.data.buffer !== buffer) return { buffer: p.numbers, offset: 0 };
  const from = byteOffset - target.data.byteOffset;
  const inside = from >= 0 && from + byteLength <= target.data.byteLength;
  return inside ? { buffer: target.buffer, offset: target.offset + from } : { buffer: p.numbers, offset: 0 };
}

/** Runs a kind of program, made when it is first asked for. */
function run(p: Place, kind: Kind, places: Places, scalars: readonly number[]): void {
  let program = p.programs.get(kind);
  if (program === undefined) {
    const device = cpuDevice();
    const steps = kind.startsWith('normal')
      ? normalSteps(device.target, kind === 'normal')
      : mersenneSteps(device.target, kind === 'whole');
    const hold = (bytes: number): Holding => {
      invariant(bytes <= HELD, 'programs of draws hold the arguments of one launch');
      return { buffer: p.held[kind], bytes, free: () => undefined };
    };
    p.programs.set(kind, (program = device.program(steps, { hold })));
  }
  program.run(places, scalars);
}

/** The first `count` numbers on their way, valid until memory is taken. */
function numbersOf(p: Place, count: number): Float32Array {
  const { buffer, byteOffset } = cpuDevice().view(p.numbers, 0, 4 * count);
  return new Float32Array(buffer, byteOffset, count);
}

/** A digest of the probe's results where multiply-adds are fused, as in the kernel that works in double precision. */
const FUSED_BITS = 1003045144;

/** Whether multiply-adds are fused: normal numbers come out with the bits that it gives them. */
function isFused(p: Place): boolean {
  if (p.fused !== undefined) return p.fused;
  p.fused = cpuDevice().target.fusedMultiplyAdd;
  if (!p.fused) return false;
  const numbers = numbersOf(p, NORMAL_BLOCK);
  for (let i = 0; i < NORMAL_BLOCK; i++) numbers[i] = (i * 1000003) / 2 ** 24;
  runNormal(p, { buffer: p.numbers, offset: 0 }, NORMAL_BLOCK, 0, 1);
  const bits = new Int32Array(numbers.buffer, numbers.byteOffset, NORMAL_BLOCK);
  return (p.fused = bits.reduce((sum, x) => (Math.imul(sum, 31) + x) | 0, 0) === FUSED_BITS);
}

function runNormal(p: Place, { buffer, offset }: Where, count: number, mean: number, std: number): void {
  const kind = p.fused === true ? 'normal' : 'normal one by one';
  run(p, kind, { buffers: [buffer], offsets: [offset] }, [count / NORMAL_BLOCK, std, mean]);
}

/**
 * Fills the front of `out` with draws of [from, from + range), as many blocks of the generator as it takes, when it is at the end of one; with
 * whole ones where it is of int64 and the device's memory, for ranges below 2²⁸ and numbers below 2⁵¹.
 * @returns how many numbers that were; 0 where it is not possible
 */
export function drawBlocks(out: Float32Array | BigInt64Array, from: number, range: number, generator: Generator): number {
  const p = prepareDraws();
  const whole = out instanceof BigInt64Array;
  const where = whereOf(p, out);
  const onTheWay = where.buffer === p.numbers;
  if (whole ? onTheWay : from !== 0 && !isFused(p)) return 0;
  const blocks = Math.floor(Math.min(out.length, BULK) / WORDS);
  const count = blocks * WORDS;
  const done = generator.passBlocks((words) => {
    const { buffer, byteOffset } = cpuDevice().view(p.state, 0, 4 * (WORDS + count));
    const state = new Int32Array(buffer, byteOffset, WORDS + count);
    state.set(words);
    run(p, whole ? 'whole' : 'uniform', { buffers: [p.state, where.buffer], offsets: [0, where.offset] }, [blocks, range, from]);
    if (onTheWay) (out as Float32Array).set(numbersOf(p, count));
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
    const where = whereOf(p, part);
    const numbers = where.buffer === p.numbers ? numbersOf(p, part.length) : undefined;
    numbers?.set(part);
    runNormal(p, where, part.length, fused ? mean : 0, fused ? std : 1);
    if (numbers !== undefined) part.set(numbers);
    // Without fused multiply-adds two roundings might tie; fma32 knows.
    if (!fused) part.forEach((x, i) => (part[i] = fma32(x, std, mean) + 0));
  }
}
