/** Functions of two tensors, or of a tensor and a number, against PyTorch (test/fixtures/ops/arithmetic.py). */
import { maximum, minimum, where, type Tensor } from 'flambeau';
import { NO_ATTRS } from '../../src/geometry/attrs.ts';
import { scalarAttrs } from '../../src/geometry/elementwise.ts';
import { apply } from '../../src/tensor/dispatch.ts';
import { testFamily, type Binding, type Bindings } from '../support/run-fixtures.ts';

type MethodName = 'mul' | 'div' | 'pow' | 'remainder' | 'floorDivide' | 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';
type LogicalName = 'logicalAnd' | 'logicalOr' | 'logicalXor';
type OpOnlyName = 'fmod' | 'atan2' | 'bitwiseAnd' | 'bitwiseOr' | 'bitwiseXor' | 'bitwiseNot';

interface NumberArgs {
  readonly number: number;
  readonly alpha?: number;
}

const alpha = (args: { alpha?: number }): { alpha?: number } => (args.alpha === undefined ? {} : { alpha: args.alpha });
const method =
  (name: MethodName): Binding =>
  ({ x, y }) =>
    x[name](y);
const withNumber =
  (name: MethodName): Binding =>
  ({ x }, { number }: NumberArgs) =>
    x[name](number);
const logical =
  (name: LogicalName): Binding =>
  ({ x, y }) =>
    x[name](y);
/** Operations that have no method of their own. */
const operation =
  (name: OpOnlyName): Binding =>
  ({ all }) =>
    apply(name, all, NO_ATTRS);
const scalarOperation =
  (name: 'rpowScalar' | 'fmodScalar'): Binding =>
  ({ x }, { number }: NumberArgs) =>
    apply(name, [x], scalarAttrs(x.dtype, number), [number]);
/** On a copy, so that gradients through the value before are seen. */
const inPlace = <A>(change: (z: Tensor, y: Tensor, args: A) => unknown): Binding => ({ x, y }, args: A) => {
    const z = x.clone();
    change(z, y, args);
    return z;
  }; // prettier-ignore

const bindings: Bindings = {
  add: ({ x, y }, args: { alpha?: number }) => x.add(y, alpha(args)),
  sub: ({ x, y }, args: { alpha?: number }) => x.sub(y, alpha(args)),
  mul: method('mul'),
  div: method('div'),
  pow: method('pow'),
  remainder: method('remainder'),
  floorDivide: method('floorDivide'),
  fmod: operation('fmod'),
  atan2: operation('atan2'),
  maximum: ({ x, y }) => maximum(x, y),
  minimum: ({ x, y }) => minimum(x, y),
  eq: method('eq'),
  ne: method('ne'),
  lt: method('lt'),
  le: method('le'),
  gt: method('gt'),
  ge: method('ge'),
  logicalAnd: logical('logicalAnd'),
  logicalOr: logical('logicalOr'),
  logicalXor: logical('logicalXor'),
  bitwiseAnd: operation('bitwiseAnd'),
  bitwiseOr: operation('bitwiseOr'),
  bitwiseXor: operation('bitwiseXor'),
  bitwiseNot: operation('bitwiseNot'),

  addNumber: ({ x }, args: NumberArgs) => x.add(args.number, alpha(args)),
  subNumber: ({ x }, args: NumberArgs) => x.sub(args.number, alpha(args)),
  mulNumber: withNumber('mul'),
  divNumber: withNumber('div'),
  powNumber: withNumber('pow'),
  remainderNumber: withNumber('remainder'),
  floorDivideNumber: withNumber('floorDivide'),
  fmodNumber: scalarOperation('fmodScalar'),
  rsubNumber: ({ x }, { number }: NumberArgs) => x.rsub(number),
  rdivNumber: ({ x }, { number }: NumberArgs) => x.rdiv(number),
  rpowNumber: scalarOperation('rpowScalar'),
  eqNumber: withNumber('eq'),
  neNumber: withNumber('ne'),
  ltNumber: withNumber('lt'),
  leNumber: withNumber('le'),
  gtNumber: withNumber('gt'),
  geNumber: withNumber('ge'),

  add_: inPlace((z, y, args: { alpha?: number }) => z.add_(y, alpha(args))),
  sub_: inPlace((z, y) => z.sub_(y)),
  mul_: inPlace((z, y) => z.mul_(y)),
  div_: inPlace((z, y) => z.div_(y)),
  copy_: inPlace((z, y) => z.copy_(y)),
  add_Number: inPlace((z, _, { number }: NumberArgs) => z.add_(number)),
  sub_Number: inPlace((z, _, { number }: NumberArgs) => z.sub_(number)),
  mul_Number: inPlace((z, _, { number }: NumberArgs) => z.mul_(number)),
  div_Number: inPlace((z, _, { number }: NumberArgs) => z.div_(number)),
  fill_Number: inPlace((z, _, { number }: NumberArgs) => z.fill_(number)),
  zero_: inPlace((z) => z.zero_()),
  relu_: inPlace((z) => z.relu_()),
  exp_: inPlace((z) => z.exp_()),
  sqrt_: inPlace((z) => z.sqrt_()),
  neg_: inPlace((z) => z.neg_()),

  where: ({ c, x, y }) => where(c, x, y),
  maskedFill: ({ c, x }, { value }: { value: number }) => x.maskedFill(c, value),
  lerp: ({ x, y }, { weight }: { weight: number }) => apply('lerp', [x, y], NO_ATTRS, [weight]),
};

testFamily('arithmetic', bindings);
