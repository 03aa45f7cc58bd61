/** Type tests of the tensor operations' shapes: compiled, never run. */
import type {
  Broadcast,
  CannotBroadcast,
  CatShape,
  ClassTarget,
  DimArgument,
  DimAt,
  Dynamic,
  ElementTarget,
  ExpandShape,
  FlattenShape,
  IsDynamic,
  LossShape,
  MatmulShape,
  PermuteShape,
  ReduceShape,
  ResizeShape,
  SelectShape,
  Show,
  ShowSample,
  SqueezeShape,
  StackShape,
  TransposeShape,
  UnsqueezeShape,
  ViewShape,
  Wrong,
} from '../../src/tensor/shapes/index.ts';
import { cat, F, randn, stack, type Tensor } from 'flambeau';
import { has, is } from './support.ts';

const { linear } = F;

declare const n: number;
declare const bare: Tensor;
declare const list: Tensor[];
declare const sizes: number[];

// ---------------------------------------------------------------------------------------------- vocabulary

is<IsDynamic<Dynamic>, true>();
is<IsDynamic<unknown>, true>();
is<IsDynamic<number[]>, true>();
is<IsDynamic<[...number[], 3]>, true>();
is<IsDynamic<[]>, false>();
is<IsDynamic<[number, 3]>, false>();
is<Show<[8, 3, number, 32]>, '8×3×?×32'>();
is<Show<[]>, 'a scalar'>();
is<Show<Dynamic>, '?'>();
is<ShowSample<[number, 3, 32, 32]>, '3×32×32'>();
is<DimAt<[8, 3, 32], -1>, 32>();
is<DimAt<[8, 3, 32], 1>, 3>();
is<DimAt<[8, 3, 32], number>, number>();
is<DimAt<[8, 3, 32], 3>, number>();
is<DimAt<Dynamic, 0>, number>();

// ---------------------------------------------------------------------------------------------- broadcasting

is<Broadcast<[8, 1, 16], [4, 16]>, [8, 4, 16]>();
is<Broadcast<[4, 16], [8, 1, 16]>, [8, 4, 16]>();
is<Broadcast<[8, 3], []>, [8, 3]>();
is<Broadcast<[], []>, []>();
is<Broadcast<[8, number, 4], [8, 3, 1]>, [8, 3, 4]>();
is<Broadcast<[8, number, 4], [8, 1, 4]>, [8, number, 4]>();
is<Broadcast<[number, 4], [3, 4]>, [number, 4]>();
is<Broadcast<[1], [number]>, [number]>();
is<Broadcast<[8, 3, 16], [4, 16]>, Wrong<'cannot broadcast 8×3×16 with 4×16'>>();
is<Broadcast<[2], [3]>, Wrong<CannotBroadcast<'2', '3'>>>();
is<Broadcast<Dynamic, [3]>, Dynamic>();
is<Broadcast<[3], number[]>, Dynamic>();
is<Broadcast<[3 | 5, 4], [3, 4]>, [3, 4]>();

has(randn(8, 1, 16).add(randn(4, 16))).shape<[8, 4, 16]>();
has(randn(8, 1, 16).add(1)).shape<[8, 1, 16]>();
has(randn(n, 3).add(bare)).shape<Dynamic>();
has(bare.add(randn(3))).shape<Dynamic>();
// @ts-expect-error: Argument of type 'Tensor<[4, 16]>' is not assignable to … 'cannot broadcast 8×3×16 with 4×16'
has(randn(8, 3, 16).add(randn(4, 16))).shape<Dynamic>();
declare const _add: Tensor<[8, 3, 16]>['add'];
is<Parameters<typeof _add<[8, 3, 16], [4, 16]>>[0], number | 'cannot broadcast 8×3×16 with 4×16'>();

// ---------------------------------------------------------------------------------------------- views

is<ViewShape<[8, 4, 16], [-1, 64]>, [8, 64]>();
is<ViewShape<[8, 4, 16], [-1, 32]>, [16, 32]>();
is<ViewShape<[8, 4, 16], [8, -1]>, [8, 64]>();
is<ViewShape<[8, 4, 16], [4, -1]>, [4, 128]>();
is<ViewShape<[8, 4, 16], [2, -1, 4]>, [2, 64, 4]>();
is<ViewShape<[8, 4, 16], [-1]>, [512]>();
is<ViewShape<[8, 4, 16], [512]>, [512]>();
is<ViewShape<[8, 4, 16], [-1, 1024]>, Wrong<'cannot view 8×4×16 (512 elements) as -1×1024'>>();
is<ViewShape<[8, 4, 16], [30, 16]>, Wrong<'cannot view 8×4×16 (512 elements) as 30×16'>>();
is<ViewShape<[8, 4, 16], [8, 65]>, Wrong<'cannot view 8×4×16 (512 elements) as 8×65'>>();
is<ViewShape<[8, 4, 16], [3, -1]>, Wrong<'cannot view 8×4×16 (512 elements) as 3×-1'>>();
is<ViewShape<[], [1, -1]>, [1, 1]>();
is<ViewShape<[1], []>, []>();
is<ViewShape<[2], []>, Wrong<'cannot view 2 (2 elements) as a scalar'>>();
is<ViewShape<[number, 4, 16], [-1, 64]>, [number, 64]>();
is<ViewShape<[number, 4, 16], [-1, 128]>, [number, 128]>();
is<ViewShape<[number, 4, 16], [number, -1]>, [number, 64]>();
is<ViewShape<[8, 4, 16], [-1, number]>, [number, number]>();
is<ViewShape<[8, 4, 16], [number, 64]>, [number, 64]>();
is<ViewShape<[8, 16, number, 5], [-1, 400]>, [number, 400]>();
is<ViewShape<[8, number, 5], [-1, number]>, [number, number]>();
is<ViewShape<[number, 4, 16], [8, -1]>, [8, number]>();
is<ViewShape<[number, 4, 16], [8, 64]>, [number, 64]>();
is<ViewShape<[8, 4, 16], [number, -1]>, [number, number]>();
is<ViewShape<Dynamic, [-1, 64]>, [number, 64]>();
is<ViewShape<[8, 4], number[]>, Dynamic>();

has(randn(8, 4, 16).view(-1, 64)).shape<[8, 64]>();
has(randn(n, 4, 16).view(-1, 64)).shape<[number, 64]>();
has(bare.view(-1, 64)).shape<[number, 64]>();
has(bare.view(...sizes)).shape<Dynamic>();
// @ts-expect-error: 'cannot view 8×4×16 (512 elements) as 30×16'
randn(8, 4, 16).view(30, 16);

is<FlattenShape<[8, 32, 7, 7]>, [12544]>();
is<FlattenShape<[8, 32, 7, 7], 1>, [8, 1568]>();
is<FlattenShape<[8, 32, 7, 7], 1, 2>, [8, 224, 7]>();
is<FlattenShape<[8, 32, 7, 7], -2>, [8, 32, 49]>();
is<FlattenShape<[8]>, [8]>();
is<FlattenShape<[]>, [1]>();
is<FlattenShape<[number, 32, 7, 7], 1>, [number, 1568]>();
is<FlattenShape<[8, number, 7], 1>, [8, number]>();
is<FlattenShape<[8, 3], 2>, Wrong<'dimension 2 is out of range for a 2-d tensor'>>();
is<FlattenShape<[8, 3, 2], 2, 1>, Wrong<'the first dimension to flatten comes after the last'>>();
is<FlattenShape<[8, 3, 2], number>, Dynamic>();
is<FlattenShape<Dynamic, 1>, Dynamic>();
has(randn(8, 32, 7, 7).flatten(1)).shape<[8, 1568]>();
has(randn(8, 32, 7, 7).flatten()).shape<[12544]>();

is<PermuteShape<[8, 3, 4], [2, 0, 1]>, [4, 8, 3]>();
is<PermuteShape<[8, 3, 4], [0, -1, 1]>, [8, 4, 3]>();
is<PermuteShape<[8, 3, 4], [0, 1]>, Wrong<'permute(0, 1) does not name each dimension of a 3-d tensor once'>>();
is<PermuteShape<[8, 3, 4], [0, 1, 1]>, Wrong<'permute(0, 1, 1) does not name each dimension of a 3-d tensor once'>>();
is<PermuteShape<[8, 3, 4], [0, 1, 3]>, Wrong<'dimension 3 is out of range for a 3-d tensor'>>();
is<PermuteShape<[8, 3, 4], [0, -4]>, Wrong<'dimension -4 is out of range for a 3-d tensor'>>();
is<PermuteShape<[8, 3, 4], [0, 1, number]>, Dynamic>();
has(randn(8, 3, 4).permute(2, 0, 1)).shape<[4, 8, 3]>();
has(bare.permute(2, 0, 1)).shape<Dynamic>();
// @ts-expect-error: does not name each dimension of a 3-d tensor once
randn(8, 3, 4).permute(2, 0);

is<TransposeShape<[8, 3, 4], 0, -1>, [4, 3, 8]>();
is<TransposeShape<[8, 3, 4], 1, 1>, [8, 3, 4]>();
is<TransposeShape<[8, 3, 4], 0, 3>, Wrong<'dimension 3 is out of range for a 3-d tensor'>>();
has(randn(8, 3).t()).shape<[3, 8]>();
has(randn(8, 3, 4).transpose(0, 1)).shape<[3, 8, 4]>();

is<UnsqueezeShape<[8, 3], 0>, [1, 8, 3]>();
is<UnsqueezeShape<[8, 3], 2>, [8, 3, 1]>();
is<UnsqueezeShape<[8, 3], -1>, [8, 3, 1]>();
is<UnsqueezeShape<[8, 3], -3>, [1, 8, 3]>();
is<UnsqueezeShape<[], 0>, [1]>();
is<UnsqueezeShape<[8, 3], 3>, Wrong<'dimension 3 is out of range for a 2-d tensor'>>();
is<SqueezeShape<[8, 1, 3], 1>, [8, 3]>();
is<SqueezeShape<[8, 1, 3], -2>, [8, 3]>();
is<SqueezeShape<[8, 1, 3], 0>, [8, 1, 3]>();
is<SqueezeShape<[8, number, 3], 1>, Dynamic>();
is<SqueezeShape<[1, 8, 1]>, [8]>();
is<SqueezeShape<[number, 8, 1]>, Dynamic>();
is<SqueezeShape<[8, 3], 5>, Wrong<'dimension 5 is out of range for a 2-d tensor'>>();
has(randn(8, 3).unsqueeze(-1)).shape<[8, 3, 1]>();
has(randn(1, 8, 1).squeeze()).shape<[8]>();
has(randn(1, 8, 1).squeeze(0)).shape<[8, 1]>();
// @ts-expect-error: dimension 3 is out of range for a 2-d tensor
randn(8, 3).unsqueeze(3);

is<ExpandShape<[8, 1], [8, 5]>, [8, 5]>();
is<ExpandShape<[8, 1], [2, -1, 5]>, [2, 8, 5]>();
is<ExpandShape<[8, 3], [8, 5]>, Wrong<'cannot expand 8×3 to 8×5'>>();
is<ExpandShape<[8, 3], [3]>, Wrong<'cannot expand 8×3 to 3'>>();
is<SelectShape<[8, 3, 4], -1>, [8, 3]>();
is<SelectShape<[8, 3, 4], 3>, Wrong<'dimension 3 is out of range for a 3-d tensor'>>();
is<SelectShape<Dynamic, 0>, Dynamic>();
is<ResizeShape<[8, 3, 4], 1, 2>, [8, 2, 4]>();

// ---------------------------------------------------------------------------------------------- reductions

is<ReduceShape<[8, 3, 4]>, []>();
is<ReduceShape<[8, 3, 4], undefined, true>, [1, 1, 1]>();
is<ReduceShape<[8, 3, 4], 1>, [8, 4]>();
is<ReduceShape<[8, 3, 4], -1, true>, [8, 3, 1]>();
is<ReduceShape<[8, 3, 4], [0, -1]>, [3]>();
is<ReduceShape<[8, 3, 4], readonly [0, -1], true>, [1, 3, 1]>();
is<ReduceShape<[8, 3, 4], 3>, Wrong<'dimension 3 is out of range for a 3-d tensor'>>();
is<ReduceShape<[8, 3, 4], [0, -4]>, Wrong<'dimension -4 is out of range for a 3-d tensor'>>();
is<ReduceShape<[], 0>, []>();
is<ReduceShape<[8, 3], number>, Dynamic>();
is<ReduceShape<[8, 3], 0, boolean>, Dynamic>();
is<ReduceShape<Dynamic, 0>, Dynamic>();
has(randn(8, 3, 4).sum()).shape<[]>();
has(randn(8, 3, 4).sum(1)).shape<[8, 4]>();
has(randn(8, 3, 4).sum([1, 2], { keepdim: true })).shape<[8, 1, 1]>();
// @ts-expect-error: dimension 3 is out of range for a 3-d tensor
randn(8, 3, 4).sum(3);

is<DimArgument<[8, 3], -1>, -1>();
is<DimArgument<[8, 3], 2>, 'dimension 2 is out of range for a 2-d tensor'>();
is<DimArgument<Dynamic, 2>, 2>();

// ---------------------------------------------------------------------------------------------- products

is<MatmulShape<[8, 3, 16], [16, 5]>, [8, 3, 5]>();
is<MatmulShape<[16], [16]>, []>();
is<MatmulShape<[3, 16], [16]>, [3]>();
is<MatmulShape<[16], [16, 5]>, [5]>();
is<MatmulShape<[16], [8, 16, 5]>, [8, 5]>();
is<MatmulShape<[8, 1, 3, 16], [4, 16, 5]>, [8, 4, 3, 5]>();
is<MatmulShape<[8, 3, number], [16, 5]>, [8, 3, 5]>();
is<MatmulShape<[8, 3, 16], [15, 5]>, Wrong<'matmul: inner sizes differ, 8×3×16 @ 15×5'>>();
is<MatmulShape<[2, 3, 4], [3, 4, 5]>, Wrong<'cannot broadcast 2 with 3'>>();
is<MatmulShape<[], [3]>, Wrong<'matmul: inner sizes differ, a scalar @ 3'>>();
is<MatmulShape<Dynamic, [3, 4]>, Dynamic>();
has(randn(8, 3, 16).matmul(randn(16, 5))).shape<[8, 3, 5]>();
has(bare.matmul(randn(16, 5))).shape<Dynamic>();
// @ts-expect-error: matmul: inner sizes differ, 8×3×16 @ 15×5
randn(8, 3, 16).matmul(randn(15, 5));
has(linear(randn(8, 16), randn(5, 16))).shape<[8, 5]>();
// @ts-expect-error: linear expects 15 features but receives 16
linear(randn(8, 16), randn(5, 15));

// ---------------------------------------------------------------------------------------------- cat, stack

is<CatShape<[[8, 3, 16], [8, 5, 16]], 1>, [8, 8, 16]>();
is<CatShape<[[8, 3], [8, 5], [8, number]], -1>, [8, number]>();
is<CatShape<[[2, 3], [5, 3]]>, [7, 3]>();
is<CatShape<[[8, 3, 16], [8, 5, 15]], 1>, Wrong<'cat: 8×3×16 and 8×5×15 differ outside dimension 1'>>();
is<CatShape<[[8, 3], [8, 3, 1]]>, Wrong<'cat: 8×3 and 8×3×1 differ outside dimension 0'>>();
is<CatShape<[[8, 3], Dynamic]>, Dynamic>();
is<CatShape<[[8, 3], [8, 3]], 2>, Wrong<'dimension 2 is out of range for a 2-d tensor'>>();
has(cat([randn(8, 3, 16), randn(8, 5, 16)], 1)).shape<[8, 8, 16]>();
has(cat([randn(8, 3), randn(8, 3)])).shape<[16, 3]>();
has(cat([randn(0), randn(8, 3), randn(0), randn(8, 3)], -1)).shape<[8, 6]>();
has(cat([randn(0), randn(3)])).shape<[3]>();
has(cat([randn(0), randn(0)])).shape<[0]>();
has(cat([bare, randn(8, 3)])).shape<Dynamic>();
has(cat(list)).shape<Dynamic>();
// @ts-expect-error: cat: 8×3 and 8×4 differ outside dimension 0
cat([randn(8, 3), randn(8, 4)]);
is<StackShape<[[8, 3], [8, 3], [8, 3]]>, [3, 8, 3]>();
is<StackShape<[[8, 3], [8, 3]], -1>, [8, 3, 2]>();
is<StackShape<[[8, 3], [8, 4]]>, Wrong<'stack: 8×3 and 8×4 differ'>>();
has(stack([randn(8, 3), randn(8, 3)], 1)).shape<[8, 2, 3]>();
has(stack(list)).shape<Dynamic>();

// ---------------------------------------------------------------------------------------------- losses

is<ClassTarget<[32, 10], [32], 'crossEntropy'>, [32]>();
is<ClassTarget<[32, 10], [32, 10], 'crossEntropy'>, [32]>();
is<ClassTarget<[32, 10, 7, 7], [32, 7, 7], 'crossEntropy'>, [32, 7, 7]>();
is<ClassTarget<[10], [], 'crossEntropy'>, []>();
is<ClassTarget<[number, 10], [20], 'crossEntropy'>, [number]>();
is<ClassTarget<[32, 10], Dynamic, 'crossEntropy'>, Dynamic>();
is<ClassTarget<[32, 10], [20], 'crossEntropy'>, Wrong<'crossEntropy expects a target of 32 but receives 20'>>();
is<ClassTarget<[32, 10], [32, 10], 'nllLoss', false>, Wrong<'nllLoss expects a target of 32 but receives 32×10'>>();
is<ElementTarget<[32, 10], [32, 9]>, Wrong<'cannot broadcast 32×10 with 32×9'>>();
is<LossShape<[32], 'mean'>, []>();
is<LossShape<[32], 'none'>, [32]>();

// ---------------------------------------------------------------------------------------------- a generic batch size

export function generic<N extends number>(
  x: Tensor<[N, 16, 5, 5]>,
  same: Tensor<[N, 16, 5, 5]>,
  other: Tensor<[N, 8, 5, 5]>,
  free: Tensor<[number, 16, 5, 5]>,
  bias: Tensor<[16, 1, 1]>,
  gate: Tensor<[N, 16, 1, 1]>,
  square: Tensor<[N, 16]>,
): void {
  has(x.add(same)).shape<[N, 16, 5, 5]>();
  has(x.add(bias)).shape<[N, 16, 5, 5]>();
  has(bias.add(x)).shape<[N, 16, 5, 5]>();
  has(x.add(gate)).shape<[N, 16, 5, 5]>();
  has(gate.add(x)).shape<[N, 16, 5, 5]>();
  has(x.add(free)).shape<[N | number, 16, 5, 5]>();
  has(free.add(x)).shape<[N | number, 16, 5, 5]>();
  // @ts-expect-error: cannot broadcast ${N}×16×5×5 with ${N}×8×5×5
  x.add(other);
  has(x.flatten(1)).shape<[N, 400]>();
  has(x.view(-1, 400)).shape<[N, 400]>();
  has(x.view(x.size(0), -1)).shape<[N, 400]>();
  has(x.view(x.size(0), 8, 50)).shape<[N, 8, 50]>();
  has(x.view(-1, 4, 100)).shape<[N, 4, 100]>();
  has(x.permute(0, 2, 3, 1)).shape<[N, 5, 5, 16]>();
  has(x.transpose(1, 2)).shape<[N, 5, 16, 5]>();
  has(x.unsqueeze(1)).shape<[N, 1, 16, 5, 5]>();
  has(gate.squeeze(-1)).shape<[N, 16, 1]>();
  has(x.select(2, 0)).shape<[N, 16, 5]>();
  has(x.sum(1)).shape<[N, 5, 5]>();
  has(x.sum([2, 3], { keepdim: true })).shape<[N, 16, 1, 1]>();
  has(x.sum()).shape<[]>();
  has(cat([x, same, other], 1)).shape<[N, 40, 5, 5]>();
  has(cat([x, free], 1)).shape<[N, 32, 5, 5]>();
  has(stack([x, same], 1)).shape<[N, 2, 16, 5, 5]>();
  has(square.matmul(randn(16, 10))).shape<[N, 10]>();
  has(square.t().matmul(square)).shape<[16, 16]>();
  // @ts-expect-error: matmul: inner sizes differ, ${N}×16 @ 15×10
  square.matmul(randn(15, 10));
  is<ClassTarget<[N, 10], [N], 'crossEntropy'>, [N]>();
}
