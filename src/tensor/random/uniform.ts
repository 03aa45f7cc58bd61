/**
 * Uniform random numbers as PyTorch draws them on the CPU: a float32 from the low 24 bits of one word, a float64 from
 * the low 53 bits of two.
 */
import { ArgumentError } from '../../base/errors.ts';
import { drawBlocks } from './bulk.ts';
import { fma32, fma64 } from './fused.ts';
import { defaultGenerator, type Generator } from './generator.ts';

/** From so many numbers on, kernels draw. */
const MIN_BULK = 4096;

const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/**
 * Fills `out` with draws from [from, to), as `tensor.uniform_(from, to)`. What rounding would make `to` becomes `from`, as in PyTorch 2.15.
 *
 * @throws {@link ArgumentError} if `from > to`, or one of them or their distance is not finite in the dtype
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.uniform_.html
 */
export function fillUniform(out: Float32Array | Float64Array, from = 0, to = 1, generator: Generator = defaultGenerator): void {
  const largest = out instanceof Float32Array ? LARGEST_FLOAT32 : Number.MAX_VALUE;
  const inRange = Math.abs(from) <= largest && Math.abs(to) <= largest && to - from <= largest;
  if (!(from <= to && inRange)) {
    throw new ArgumentError(`uniform: expected finite bounds with from <= to, but got from=${from} and to=${to}; swap or reduce them`);
  }
  if (out instanceof Float32Array) fill32(out, Math.fround(from), Math.fround(to), generator);
  else fill64(out, from, to, generator);
}

function fill32(out: Float32Array, from: number, to: number, generator: Generator): void {
  const range = Math.fround(to - from);
  const step = range * 2 ** -24; // exact, so that one product rounds once
  // Products are multiples of this. If `from` is one too, and not much larger, the sums are exact, so that the store rounds once.
  const unit = 2 ** (Math.floor(Math.log2(range)) - 48);
  const exact = Number.isInteger(from / unit) && Math.max(Math.abs(from), Math.abs(to)) / unit <= 2 ** 53;
  const length = out.length;
  for (let done = 0; done < length;) {
    if (length - done >= MIN_BULK) {
      const drawn = drawBlocks(out.subarray(done), from, range, generator);
      done += drawn;
      if (drawn > 0) continue;
    }
    const words = generator.randomChunk(length - done);
    const count = words.length;
    if (from === 0) {
      for (let i = 0; i < count; i++) out[done + i] = (words[i]! & 0xffffff) * step;
    } else if (exact) {
      for (let i = 0; i < count; i++) out[done + i] = (words[i]! & 0xffffff) * step + from;
    } else {
      for (let i = 0; i < count; i++) out[done + i] = fma32(words[i]! & 0xffffff, step, from);
    }
    done += count;
  }
  if (fma32(0xffffff, step, from) >= to) wrapAround(out, from, to);
}

/** Results are from the half-open range, whatever rounding says. */
function wrapAround(out: Float32Array | Float64Array, from: number, to: number): void {
  for (let i = 0; i < out.length; i++) if (out[i]! >= to) out[i] = from;
}

function fill64(out: Float64Array, from: number, to: number, generator: Generator): void {
  const range = to - from;
  const length = out.length;
  generator.fillRandom53(out);
  if (from === 0) {
    for (let i = 0; i < length; i++) out[i] = out[i]! * 2 ** -53 * range;
  } else {
    for (let i = 0; i < length; i++) out[i] = fma64(out[i]! * 2 ** -53, range, from);
    if (fma64(1 - 2 ** -53, range, from) >= to) wrapAround(out, from, to);
  }
}
