/** Products and extremes of what comes to one place: elements, or slices, joined at indices with what is there. */
import { ShapeError } from '../../base/errors.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { indexParams, type JoinParams } from '../../geometry/indexing.ts';
import type { Tensor } from '../tensor.ts';
import { putShape, scatterShape } from './indexing.ts';
import type { Gradient, GradientContext, OpRules } from './rule.ts';

export interface JoinAtAttrs {
  /** [x, index, source (of the index's shape)] → x joined with source's elements at index along dim */
  scatterReduce: JoinParams;
  /** [x, index [n], source] → x joined with source's slices */
  indexReduce: JoinParams;
}

/** How elements get from the places to the source's shape and back, for one of the two operations. */
interface Places {
  readonly take: (x: Tensor) => Tensor;
  readonly add: (x: Tensor, source: Tensor) => Tensor;
  readonly join: (x: Tensor, source: Tensor) => Tensor;
}

function placesOf(op: keyof JoinAtAttrs, { apply, attrs, input }: GradientContext<JoinParams>): Places {
  const [index, along] = [input(1), indexParams(attrs.dim, attrs.caller ?? op)];
  const [take, add] = op === 'scatterReduce' ? (['gather', 'scatterAdd'] as const) : (['indexSelect', 'indexAdd'] as const);
  return {
    take: (x) => apply(take, [x, index], along)[0]!,
    add: (x, source) => apply(add, [x, index, source], along)[0]!,
    join: (x, source) => apply(op, [x, index, source], attrs)[0]!,
  };
}

/** A product's gradient is that of the other factors: the quotient, but where a factor is the only 0, their product. */
function ofProduct(g: Tensor, { take, add, join }: Places, ctx: GradientContext<JoinParams>): (Tensor | undefined)[] {
  const [x, source] = [ctx.input(0), ctx.input(2)];
  const without = (): Tensor => {
    const nonZero = x.maskedFill(x.eq(0), 1);
    return g.mul(join(nonZero, source)).div(nonZero);
  };
  const ofSource = (): Tensor => {
    const zero = source.eq(0);
    const zeros = take(add(x.newZeros(x.layout.shape), zero.to(source.dtype)));
    const single = zero.logicalAnd(zeros.eq(1));
    const others = take(g.mul(join(x, source.maskedFill(single, 1))));
    const quotient = take(g.mul(ctx.output(0))).div(source.maskedFill(zero, 1));
    return others.where(single, quotient);
  };
  return [ctx.needs(0) ? without() : undefined, undefined, ctx.needs(2) ? ofSource() : undefined];
}

/** An extreme's gradient goes in equal shares to all that are equal to it. */
function ofExtreme(g: Tensor, { take, add }: Places, ctx: GradientContext<JoinParams>): (Tensor | undefined)[] {
  const [x, source, result] = [ctx.input(0), ctx.input(2), ctx.output(0)];
  const own = x.eq(result).to(g.dtype);
  const theirs = source.eq(take(result)).to(g.dtype);
  const share = g.div(add(own, theirs));
  return [ctx.needs(0) ? own.mul(share) : undefined, undefined, ctx.needs(2) ? theirs.mul(take(share)) : undefined];
}

const gradientOf = (op: keyof JoinAtAttrs, name: string): Gradient<JoinParams> => ({
  name,
  saves: { inputs: [0, 1, 2], outputs: [0] },
  run: (ctx) => {
    const g = ctx.grads[0];
    if (g === undefined) return [];
    return (ctx.attrs.join === 'prod' ? ofProduct : ofExtreme)(g, placesOf(op, ctx), ctx);
  },
});

export const joinAtRules: OpRules<JoinAtAttrs> = {
  scatterReduce: {
    shape: (inputs, attrs) => {
      const [, index, source] = inputs;
      if (!sameDims(index!.shape, source!.shape)) {
        throw new ShapeError(
          `scatterReduce: expected a source of the index's shape ${showShape(index!.shape)}, but got ${showShape(source!.shape)}; narrow it`,
        );
      }
      return scatterShape('scatterReduce', inputs, attrs);
    },
    gradient: gradientOf('scatterReduce', 'ScatterReduceBackward0'),
  },
  indexReduce: {
    shape: (inputs, attrs) => putShape('indexReduce', inputs, attrs),
    gradient: gradientOf('indexReduce', 'IndexReduceBackward0'),
  },
};
