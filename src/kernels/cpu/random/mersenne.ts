/**
 * The Mersenne Twister's words by the block (tensor/random/mt19937.ts says what it is), as floats. Blocks follow one another in memory, so
 * that the recurrence never wraps and four words are made at a time.
 */
import { constant, load, type Expr, type Fn, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { hoisted } from '../math.ts';

/** Words of state, which are those of a block. */
export const MERSENNE_WORDS = 624;
const SHIFT = 397;

const PARAMS = { words: 'ptr', out: 'ptr', blocks: 'f64', range: 'f64', from: 'f64' } as const;

/**
 * One unit, of so many blocks: after the state in `words` come the blocks, and `out` gets `u * range + from` of their words, where u is
 * of [0, 1) and has a word's low 24 bits; or, of `whole` numbers, int64 of `word % range + from`.
 */
export function mersenneKernel(target: Target, whole: boolean): Kernel<typeof PARAMS> {
  return cachedKernel(target, whole ? 'mersenne/whole' : 'mersenne', PARAMS, ({ f, p }) => {
    const c = (value: number): Expr => hoisted(f, 'i32v', value);
    const given = (name: 'range' | 'from'): Expr => f.let(name, (whole ? p[name] : p[name].cast('f32')).splat());
    const [range, from] = [given('range'), given('from')];
    const inverse = whole ? f.let('inverse', hoisted(f, 'f64v', 1).div(range)) : range;
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
      f.set(y, y.binary('xor', y.binary('shrU', 18)));
      if (whole) {
        [[0, 4, 1, 5], [2, 6, 3, 7]].forEach((pair, i) => {
          const words = y.shuffle(c(0), pair).bits('i64v');
          f.store('i64v', out, remainders(f, words, range, inverse, from), 16 * i);
        });
      } else f.store('f32v', out, y.and(c(0xffffff)).cast('f32v').mul(hoisted(f, 'f32v', 2 ** -24)).fma(range, from));
      f.inc(out, whole ? 32 : 16);
    }, 16);
  });
} // prettier-ignore

/** Whole numbers below 2⁵² and this have their bits in the lowest of the sum. */
const SHIFTED = 2 ** 52;
/** Of either sign, below 2⁵¹. */
const SIGNED = 1.5 * 2 ** 52;

/** `words` (as i64) % range + from, by the reciprocal: `tensor/random/integers.ts` says why that is exact. */
function remainders(f: Fn, words: Expr, range: Expr, inverse: Expr, from: Expr): Expr {
  const c = (value: number): Expr => hoisted(f, 'f64v', value);
  const word = f.let('word', words.or(c(SHIFTED).bits('i64v')).bits('f64v').sub(c(SHIFTED)));
  const quotient = word.add(c(0.5)).mul(inverse).unary('floor');
  const rest = f.let('rest', word.sub(f.let('product', quotient.mul(range))).add(from));
  return rest.add(c(SIGNED)).bits('i64v').sub(c(SIGNED).bits('i64v'));
}
