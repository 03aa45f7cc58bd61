/** Models that between them use every operation that can be exported, with the shape of an example. */
import { arange, cat, F, full, nn, ones, randn, tensor, where, zeros, type Tensor } from 'flambeau';
import { createModel } from 'flambeau/node';

export type Exported = nn.CallableModule<(x: Tensor) => Tensor | Tensor[] | Record<string, Tensor>>;

/** A function as a model. */
class Fn extends nn.Module<(x: Tensor) => Tensor | Tensor[] | Record<string, Tensor>> {
  readonly #fn: (x: Tensor) => Tensor | Tensor[] | Record<string, Tensor>;
  constructor(fn: (x: Tensor) => Tensor | Tensor[] | Record<string, Tensor>) {
    super();
    this.#fn = fn;
  }
  override forward(x: Tensor): Tensor | Tensor[] | Record<string, Tensor> {
    return this.#fn(x);
  }
}
export const model = (fn: (x: Tensor) => Tensor | Tensor[] | Record<string, Tensor>): Exported => new Fn(fn);

class Residual extends nn.Module {
  conv1 = new nn.Conv2d(8, 8, 3, { padding: 1, bias: false });
  bn1 = new nn.BatchNorm2d(8);
  conv2 = new nn.Conv2d(8, 8, 3, { padding: 'same', groups: 4 });
  dropout = new nn.Dropout(0.5);
  override forward(x: Tensor): Tensor {
    return F.relu(this.dropout(this.conv2(F.relu(this.bn1(this.conv1(x))))).add(x));
  }
}

export class SmallResNet extends nn.Module {
  stem = new nn.Conv2d(3, 8, 3, { stride: 2, padding: 1 });
  layer = new nn.Sequential(new Residual(), new Residual());
  pool = new nn.AdaptiveAvgPool2d(1);
  fc = new nn.Linear(8, 5);
  override forward(x: Tensor): Tensor {
    return this.fc(this.pool(this.layer(this.stem(x))).flatten(1));
  }
}

const spec = { channels: 3, height: 16, width: 16, classes: 10 };
const layer = (made: nn.Module | object): Exported => made as Exported;
/** Outputs and states of a recurrent layer. */
const recurrent = (inner: nn.LSTM | nn.GRU | nn.RNN): Exported => {
  const made = model((x) => {
    const [output, states] = (inner as (x: Tensor) => [Tensor, Tensor | [Tensor, Tensor]])(x);
    return [output, ...(Array.isArray(states) ? states : [states])];
  });
  made.addModule('inner', inner);
  return made;
};
const sizes = (x: Tensor): [number, number, number, number] => x.shape as [number, number, number, number];

export const CASES: readonly (readonly [name: string, make: () => Exported, shape: readonly number[]])[] = [
  ['cnn', () => layer(createModel('cnn', spec)), [2, 3, 16, 16]],
  ['small', () => layer(createModel('small', spec)), [1, 3, 16, 16]],
  ['fast', () => layer(createModel('fast', spec)), [2, 3, 16, 16]],
  ['residual', () => layer(new SmallResNet()), [2, 3, 16, 16]],
  ['conv', () => layer(new nn.Conv2d(3, 4, [3, 2], { dilation: [2, 1], stride: [1, 2], padding: [2, 1] })), [2, 3, 9, 8]],
  ['transposed', () => layer(new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 })), [2, 4, 5, 6]],
  ['max pool', () => layer(new nn.MaxPool2d(3, 2, { ceilMode: true })), [1, 3, 12, 12]],
  ['average pool', () => layer(new nn.AvgPool2d(3, 2, { ceilMode: true, padding: 1 })), [2, 3, 12, 13]],
  ['average without padding', () => layer(new nn.AvgPool2d(3, 2, { ceilMode: true, padding: 1, countIncludePad: false })), [2, 3, 12, 13]],
  ['average with divisor', () => layer(new nn.AvgPool2d(2, 2, { divisorOverride: 3 })), [2, 3, 12, 13]],
  ['adaptive average', () => layer(new nn.AdaptiveAvgPool2d([3, 5])), [2, 3, 7, 8]],
  ['adaptive even', () => layer(new nn.AdaptiveAvgPool2d([2, 4])), [2, 3, 8, 8]],
  ['adaptive same', () => layer(new nn.AdaptiveAvgPool2d([8, 8])), [2, 3, 8, 8]],
  ['adaptive max', () => layer(new nn.AdaptiveMaxPool2d([2, 4])), [2, 3, 8, 8]],
  ['norms', () => model((x) => [new nn.BatchNorm2d(4, { affine: false }).eval()(x), F.batchNorm(x, null, null, { training: true })]), [3, 4, 2, 2]],
  ['norm of rows', () => layer(new nn.BatchNorm1d(4)), [3, 4]],
  ['norm of batches', () => layer(new nn.BatchNorm2d(4, { trackRunningStats: false })), [3, 4, 2, 2]],
  ['linear', () => layer(new nn.Linear(6, 4)), [2, 5, 6]],
  ['products', () => model((x) => x.matmul(x.transpose(1, 2))), [2, 3, 4]],
  ['shuffle', () => model((x) => { const [n, c, h, w] = sizes(x); return x.view(n, 2, c / 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w); }), [2, 4, 5, 5]],
  ['pixels', () => model((x) => [F.pixelShuffle(x, 2), F.pixelUnshuffle(x, 2)]), [2, 8, 4, 2]],
  ['parts', () => model((x) => { const [a, b] = x.chunk(2, 1) as [Tensor, Tensor]; return cat([b.relu(), a, x.narrow(1, 1, 2)], 1).at(':', ':', '::2', '1:-1'); }), [2, 4, 5, 6]],
  ['samples', () => model((x) => [x.at(0).add(x.at(-1)), x.at('1:').sum(0), x.at(':-1').mul(2)]), [3, 4]],
  ['repeated', () => model((x) => x.mean([2, 3], { keepdim: true }).expand(x.size(0), 4, 5, 5).add(zeros(x.size(0), 4, 5, 5))), [2, 4, 3, 3]],
  ['doubled', () => model((x) => cat([x, x]).reshape(2 * x.size(0), -1).permute(1, 0)), [2, 2, 3]],
  ['in place', () => model((x) => { const y = x.mul(2); y.relu_(); y.view(-1).add_(1); return y.view(y.size(0), -1); }), [2, 3, 2]],
  ['activations', () => model((x) => [F.leakyRelu(x, 0.2), x.sigmoid(), x.tanh(), F.gelu(x), F.silu(x), F.softplus(x), F.softplus(x, 2), F.elu(x), F.hardswish(x), F.relu6(x), F.hardsigmoid(x), x.clamp({ min: 0 }), x.clamp({ max: 1 })]), [2, 7]],
  ['functions', () => model((x) => [x.abs().sqrt().log().exp(), x.pow(2).add(1).rsqrt(), x.remainder(0.7), x.div(3).floor().round(), x.sub(x.mean()), x.trunc(), x.square().reciprocal(), x.sin().add(x.cos()).sub(x.tan()), x.sign().neg(), x.ceil(), x.abs().log2(), x.abs().log10(), x.floorDivide(0.3), tensor(2).pow(x)]), [2, 7]],
  ['truth', () => model((x) => [where(x.gt(0), x, x.neg()), x.isnan().logicalNot(), x.gt(0).logicalAnd(x.lt(1)), x.ne(0), x.ge(0).logicalOr(x.le(-1)), x.maskedFill(x.gt(0), -1).mul(tensor([1, 2, 3, 4])), x.gt(0).eq(x.lt(0)), x.isinf()]), [2, 4]],
  ['numbers', () => model((x) => [x.to('int64').add(x.gt(0)), x.mul(10).to('int32').floorDivide(3), x.mul(10).long().remainder(4), x.bool().sum(1), x.double().mul(2)]), [2, 4]],
  ['reductions', () => model((x) => [x.sum(1), x.mean([1, 2], { keepdim: true }), x.amax(1), x.amin(2), x.var(1), x.std([1, 2]), x.logsumexp(1), x.softmax(1), x.logSoftmax(-1), x.cumsum(1), x.any(1), x.all(1), x.sum(), x.prod(1), x.max()]), [2, 5, 6]],
  ['places', () => model((x) => [x.argmax(1), x.argmax(), x.argmin(2, { keepdim: true }), x.max(2).values, x.min(1).indices]), [2, 5, 6]],
  ['indices', () => model((x) => [x.indexSelect(1, tensor([2n, 0n, 1n])).indexSelect(2, arange(2)), x.gather(1, x.argmax(1, { keepdim: true }))]), [2, 3, 4]],
  ['padding', () => model((x) => F.pad(x, [1, 2, -1, 1], 0.5)), [2, 3, 4, 5]],
  ['nearest', () => layer(new nn.Upsample({ scaleFactor: 2, mode: 'nearest' })), [2, 3, 5, 4]],
  ['bilinear', () => layer(new nn.Upsample({ scaleFactor: 2.5, mode: 'bilinear' })), [2, 3, 5, 4]],
  ['aligned', () => layer(new nn.Upsample({ size: [7, 9], mode: 'bilinear', alignCorners: true })), [2, 3, 5, 4]],
  ['bicubic', () => layer(new nn.Upsample({ size: [7, 9], mode: 'bicubic' })), [2, 3, 5, 4]],
  ['nearest exact', () => layer(new nn.Upsample({ size: [3, 3], mode: 'nearest-exact' })), [2, 3, 5, 7]],
  ['constants', () => { const w = new nn.Parameter(randn(4)); return model((x) => ({ a: x.mul(w.view(1, -1, 1)).add(w.sum()), b: x.add(full([3], 2)).sub(ones(4, 1)) })); }, [2, 4, 3]],
  ['norms of samples', () => model((x) => [new nn.LayerNorm([2, 3])(x), new nn.GroupNorm(2, 4)(x), new nn.InstanceNorm2d(4)(x), new nn.InstanceNorm2d(4, { affine: true, trackRunningStats: true }).eval()(x), F.rmsNorm(x, [3])]), [2, 4, 2, 3]],
  ['LSTM', () => recurrent(new nn.LSTM(4, 5, { batchFirst: true, bidirectional: true, projSize: 3 })), [2, 3, 4]],
  ['GRU', () => recurrent(new nn.GRU(4, 5, { batchFirst: true, numLayers: 2 })), [2, 3, 4]],
  ['RNN', () => recurrent(new nn.RNN(4, 5, { batchFirst: true, nonlinearity: 'relu' })), [2, 3, 4]],
  ['attention', () => layer(new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true })), [2, 5, 8]],
  ['transposed volumes', () => layer(new nn.ConvTranspose3d(4, 6, [3, 2, 1], { stride: [2, 1, 2], groups: 2, padding: [1, 0, 0] })), [2, 4, 3, 4, 3]],
  ['transposed sequences', () => layer(new nn.ConvTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1 })), [2, 4, 7]],
  ['pool and unpool', () => model((x) => { const { values, indices } = F.maxPool2dWithIndices(x, 3, { stride: 2, padding: 1 }); return [F.maxUnpool2d(values, indices, 3, { stride: 2, padding: 1 }), indices]; }), [2, 3, 7, 7]],
  ['adaptive max, uneven', () => model((x) => { const { values, indices } = F.adaptiveMaxPool2d(x, [3, 5], true); return [F.adaptiveMaxPool2d(x, [5, 3]), values, indices]; }), [2, 3, 7, 8]],
  ['adaptive max of one and three dimensions', () => model((x) => [F.adaptiveMaxPool1d(x.flatten(2), 5), F.adaptiveMaxPool3d(x, 2), F.adaptiveMaxPool3d(x, [1, 3, 2])]), [2, 3, 2, 4, 5]],
  ['running', () => model((x) => [x.cummax(1).values, x.cummax(1).indices, x.cummin(2).indices, x.round().cummax(2).indices, x.cumprod(2), x.logcumsumexp(2)]), [2, 5, 6]],
  ['special', () => model((x) => [x.mul(1e-6).log1p(), x.abs().log1p(), x.mul(1e-6).expm1(), x.mul(9).expm1(), x.sinc(), x.atan2(x.flip(1)), x.atan2(tensor(-0)).copysign(x), x.logaddexp(x.mul(30)), x.logaddexp2(x), x.relu().xlogy(x.relu()), F.softplus(x, 2, 1)]), [2, 7]],
  ['scattered', () => model((x) => [x.scatter(1, x.argmax(1, { keepdim: true }), 1), x.scatterAdd(1, x.argmax(1, { keepdim: true }), x), x.indexAdd(1, tensor([0n, 0n]), x.narrow(1, 0, 2)), x.indexCopy(2, tensor([3n, 1n]), x.narrow(2, 0, 2))]), [2, 4, 5]],
  ['chosen', () => model((x) => [x.unfold(2, 3, 1), x.transpose(1, 2).unfold(1, 2, 2), x.diagonal(1, 1, 2), x.select(2, 1).unfold(1, 2, 1)]), [2, 4, 5]],
  ['nothing', () => model((x) => [x, x.contiguous()]), [2, 4]],
]; // prettier-ignore
