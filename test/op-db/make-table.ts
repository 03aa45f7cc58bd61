/** PyTorch's factories as ours. */
import { arange, empty, eye, full, fullLike, linspace, ones, onesLike, rand, randint, randLike, randn, randnLike, zeros, zerosLike, type Tensor } from 'flambeau'; // prettier-ignore
import type { DType } from '../../src/base/dtype.ts';
import { inexpressible, numbers, op, options, type Adapter } from './call.ts';

const sized = (list: readonly unknown[]): number[] => numbers(Array.isArray(list[0]) ? list[0] : list);

/** Without a dtype, PyTorch asks whether numbers were written 2 or 2.0; ours are float32. */
function explicit(dtype: DType | undefined): { dtype: DType } {
  return { dtype: dtype ?? inexpressible('no dtype given: JavaScript does not tell 2 from 2.0') };
}

type Factory = (shape: number[], given: { dtype?: DType }) => Tensor;
const filled = (name: string, make: Factory, random = false): Adapter =>
  op(name, '...size dtype', (size: unknown[], dtype?: DType) => make(sized(size), options({ dtype })), { random });
type Like = (x: Tensor, given: { dtype?: DType }) => Tensor;
const like = (name: string, make: Like, random = false): Adapter =>
  op(name, 'input dtype', (x: Tensor, dtype?: DType) => make(x, options({ dtype })), { random });

export const FACTORIES: Readonly<Record<string, Adapter>> = {
  zeros: filled('zeros', (shape, given) => zeros(shape, given)),
  ones: filled('ones', (shape, given) => ones(shape, given)),
  empty: filled('empty', (shape, given) => empty(shape, given), true),
  randn: filled('randn', (shape, given) => randn(shape, given), true),
  rand: filled('rand', (shape, given) => rand(shape, given), true),
  zeros_like: like('zerosLike', (x, given) => zerosLike(x, given)),
  ones_like: like('onesLike', (x, given) => onesLike(x, given)),
  rand_like: like('randLike', (x, given) => randLike(x, given), true),
  randn_like: like('randnLike', (x, given) => randnLike(x, given), true),
  full: op('full', 'size fill_value dtype', (size: number[], value: number | boolean, dtype?: DType) =>
    full(numbers(size), value, explicit(dtype)),
  ),
  full_like: op('fullLike', 'input fill_value dtype', (x: Tensor, value: number, dtype?: DType) => fullLike(x, value, options({ dtype }))),
  eye: op('eye', 'n m dtype', (n: number, m?: number, dtype?: DType) => eye(n, m, options({ dtype }))),
  arange: op('arange', 'start end step dtype', (start: number, end?: number, step?: number, dtype?: DType) =>
    arange(start, end, step, explicit(dtype)),
  ),
  linspace: op('linspace', 'start end steps dtype', (start: number, end: number, steps: number, dtype?: DType) =>
    linspace(start, end, steps, options({ dtype })),
  ),
  randint: op('randint', '...bounds dtype', (given: unknown[], dtype?: DType) => {
    const [low, high, shape] = given.length === 2 ? [0, given[0], given[1]] : given;
    return randint(low as number, high as number, numbers(shape), options({ dtype }));
  }, { random: true }), // prettier-ignore
};
