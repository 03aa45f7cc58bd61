/**
 * The Mersenne Twister's words by the block (tensor/random/mt19937.ts says what it is), as floats. Blocks follow one another in memory, so
 * that the recurrence never wraps and four words are made at a time.
 */
import { constant, load, type Expr, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { hoisted } from '../math.ts';

/** Words of state, which are those of a block. */
export const MERSENNE_WORDS = 624;
const SHIFT = 397;

const PARAMS = { words: 'ptr', out: 'ptr', blocks: 'f64', range: 'f64', from: 'f64' } as const;

/**
 * One unit, of so many blocks: after the state in `words` come the blocks, and `out` gets `u * range + from` of their words, where u is
 * of [0, 1) and has a word's low 24 bits.
 */
export function mersenneKernel(target: Target): Kernel<typeof PARAMS> {
  return cachedKernel(target, 'mersenne', PARAMS, ({ f, p }) => {
    const c = (value: number): Expr => hoisted(f, 'i32v', value);
    const [range, from] = [f.let('ranges', p.range.cast('f32').splat()), f.let('froms', p.from.cast('f32').splat())];
    const out = f.let('place', p.out);
    const end = f.let('end', p.words.add(p.blocks.cast('i32').mul(4 * MERSENNE_WORDS)));
    f.for('at', p.words, end, (at) => {
      const next = f.let('next', load('i32v', at, 4));
      const joined = load('i32v', at).and(c(-0x80000000)).or(next.and(c(0x7fffffff))).binary('shrU', 1);
      const odd = constant('i32v', 0).sub(next.and(c(1))).and(c(0x9908b0df | 0));
      const y = f.let('y', load('i32v', at, 4 * SHIFT).binary('xor', joined).binary('xor', odd));
      f.store('i32v', at, y, 4 * MERSENNE_WORDS);
      f.set(y, y.binary('xor', y.binary('shrU', 11)));
      f.set(y, y.binary('xor', y.binary('shl', 7).and(c(0x9d2c5680 | 0))));
      f.set(y, y.binary('xor', y.binary('shl', 15).and(c(0xefc60000 | 0))));
      f.set(y, y.binary('xor', y.binary('shrU', 18)).and(c(0xffffff)));
      f.store('f32v', out, y.cast('f32v').mul(hoisted(f, 'f32v', 2 ** -24)).fma(range, from));
      f.inc(out, 16);
    }, 16);
  });
} // prettier-ignore
