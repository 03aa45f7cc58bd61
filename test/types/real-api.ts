/** Type tests of the package's own exports: compiled, never run. The rules themselves are tested beside this file. */
import { cat, F, nn, ones, randn, stack, zeros, type Tensor } from 'flambeau';
import { has, is } from './support.ts';

/** The shape of a bare `Tensor`. */
type Dynamic = any; // eslint-disable-line @typescript-eslint/no-explicit-any -- the shape of a bare Tensor is `any`

declare const n: number;
declare const bare: Tensor;
declare const loaded: Tensor<[number, 3, 32, 32]>;

// ---------------------------------------------------------------------------------------------- tensors

const x = randn(8, 3, 4);
has(x.add(1)).shape<[8, 3, 4]>();
has(x.add(ones(3, 1))).shape<[8, 3, 4]>();
// @ts-expect-error: cannot broadcast 8×3×4 with 5
x.add(ones(5));
has(x.view(8, -1)).shape<[8, 12]>();
has(x.reshape([2, 48])).shape<[2, 48]>();
has(x.flatten(1)).shape<[8, 12]>();
// @ts-expect-error: cannot view 8×3×4 (96 elements) as 5×20
x.view(5, 20);
has(x.permute(2, 0, 1)).shape<[4, 8, 3]>();
has(x.transpose(0, 1)).shape<[3, 8, 4]>();
has(zeros(2, 3).t()).shape<[3, 2]>();
has(x.unsqueeze(0)).shape<[1, 8, 3, 4]>();
has(x.unsqueeze(0).squeeze(0)).shape<[8, 3, 4]>();
has(ones(3, 1).expand(3, 7)).shape<[3, 7]>();
has(x.select(1, 0)).shape<[8, 4]>();
has(x.narrow(2, 0, 2)).shape<[8, 3, 2]>();
has(x.matmul(randn(4, 5))).shape<[8, 3, 5]>();
// @ts-expect-error: matmul: inner sizes differ, 8×3×4 @ 5×5
x.matmul(randn(5, 5));
has(x.sum()).shape<[]>();
has(x.mean(1)).shape<[8, 4]>();
has(x.sum([0, 2], { keepdim: true })).shape<[1, 3, 1]>();
has(x.max(1).values).shape<[8, 4]>();
has(x.max()).shape<[]>();
has(x.argmax(-1)).shape<[8, 3]>();
// @ts-expect-error: dimension 3 is out of range for a 3-d tensor
x.sum(3);
has(x.softmax(-1)).shape<[8, 3, 4]>();
export const three: 3 = x.size(1);
has(cat([x, ones(2, 3, 4)])).shape<[10, 3, 4]>();
has(stack([x, x], 1)).shape<[8, 2, 3, 4]>();
// @ts-expect-error: cat: 8×3×4 and 2×3×5 differ outside dimension 0
cat([x, ones(2, 3, 5)]);
const wider: Tensor<[number, 3, 4]> = x;
has(wider.add(wider)).shape<[number, 3, 4]>();

// nothing is said about shapes that are not known
has(bare.add(x)).shape<Dynamic>();
has(bare.matmul(bare).sum(1).flatten(1)).shape<Dynamic>();
has(cat([bare, x], n)).shape<Dynamic>();
has(x.sum(n)).shape<Dynamic>();

// ---------------------------------------------------------------------------------------------- models

const model = new nn.Sequential(
  new nn.Input(3, 32, 32),
  new nn.Conv2d(3, 32, 3, { stride: 2, padding: 1 }),
  new nn.ReLU(),
  new nn.MaxPool2d(2, 2),
  new nn.Conv2d(32, 32, 2),
  new nn.BatchNorm2d(32),
  new nn.Flatten(),
  new nn.Dropout(0.5),
  new nn.Linear(1568, 10),
);
has(model(randn(20, 3, 32, 32))).shape<[20, 10]>();
has(model(loaded)).shape<[number, 10]>();
has(model(bare)).shape<Dynamic>();
// @ts-expect-error: layer 0: input should be 3×32×32 but is 1×32×32
model(randn(20, 1, 32, 32));

new nn.Sequential(
  new nn.Input(3, 32, 32),
  new nn.Conv2d(3, 32, 3, { stride: 2, padding: 1 }),
  new nn.MaxPool2d(2, 2),
  new nn.Conv2d(32, 32, 2),
  new nn.Flatten(),
  // @ts-expect-error: Linear expects 2048 features but receives 1568 = 32×7×7
  new nn.Linear(2048, 10),
);

class Net extends nn.Module {
  conv1 = new nn.Conv2d(3, 32, 3, { stride: 2, padding: 1 });
  pool = new nn.AvgPool2d(2);
  head = new nn.AdaptiveAvgPool2d(1);
  fc = new nn.Linear(32, 10);
  forward<N extends number>(input: Tensor<[N, 3, 32, 32]>) {
    const features = this.pool(F.relu(this.conv1(input)));
    has(features).shape<[N, 32, 8, 8]>();
    // @ts-expect-error: Linear expects 32 features but receives 2048
    this.fc(features.flatten(1));
    return this.fc(F.dropout(this.head(features).flatten(1), { training: this.training }));
  }
}
const net = new Net();
has(net.forward(randn(7, 3, 32, 32))).shape<[7, 10]>();
has(net(randn(7, 3, 32, 32))).shape<[number, 10]>();
has(net(bare)).shape<[number, 10]>();
// @ts-expect-error: '[7, 1, 32, 32]' is not assignable to '[number, 3, 32, 32]'
net(randn(7, 1, 32, 32));

/** Without shapes, as in PyTorch: nothing is checked and nothing is said. */
class Plain extends nn.Module {
  conv = new nn.Conv2d(3, 8, 3);
  fc = new nn.Linear(n, 10);
  forward(input: Tensor): Tensor {
    return this.fc(this.conv(input).relu().view(-1, 7200));
  }
}
has(new Plain()(randn(1, 3, 32, 32))).shape<Dynamic>();

const growing = new nn.Sequential();
growing.addModule('conv', new nn.Conv2d(3, 16, 3));
has(growing(randn(1, 3, 8, 8))).shape<Dynamic>();
has(new nn.Sequential(new Map([['relu', new nn.ReLU()]]))(x)).shape<Dynamic>();
has(new nn.Sequential(['flat', new nn.Flatten()], ['fc', new nn.Linear(12, 2)])(x)).shape<[8, 2]>();

declare const module: nn.ModuleBase;
if (module instanceof nn.Conv2d) is<typeof module.inChannels, number>();
if (module instanceof nn.Conv2d) has(module(randn(8, 3, 32, 32))).shape<Dynamic>();
if (module instanceof nn.Linear) has(module.weight).shape<Dynamic>();
export const someConv: nn.Conv2d = new nn.Conv2d(3, 16, 3);
export const someLinear: nn.Linear = new nn.Linear(3, 16);
export const layers: nn.Module[] = [new nn.ReLU(), new nn.Conv2d(3, 16, 3), net, model];
is<typeof model extends nn.ModuleBase ? true : false, true>();
export class MyConv extends nn.Conv2d<3, 16, 3> {
  constructor() {
    super(3, 16, 3);
  }
}
has(new MyConv()(randn(8, 3, 32, 32))).shape<[8, 16, 30, 30]>();

// ---------------------------------------------------------------------------------------------- in order or by name

const same = (a: nn.Conv2d<3, 16, 3, 2, 1>): 3 => a.inChannels;
same(new nn.Conv2d(3, 16, 3, 2, 1));
same(new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 }));
same(new nn.Conv2d(3, 16, 3, 2, { padding: 1, bias: false }));
same(new nn.Conv2d(3, 16, { kernelSize: 3, stride: 2, padding: 1 }));
same(new nn.Conv2d(3, { outChannels: 16, kernelSize: 3, stride: 2, padding: 1 }));
same(new nn.Conv2d({ inChannels: 3, outChannels: 16, kernelSize: 3, stride: 2, padding: 1 }));
has(new nn.Conv2d(3, 16, 3, { bias: false })(randn(8, 3, 32, 32))).shape<[8, 16, 30, 30]>();
has(new nn.Conv2d(3, 16, 3, 1, 'same', 2)(randn(8, 3, 32, 32))).shape<[8, 16, 32, 32]>();
has(new nn.Conv2d(3, 16, 3, undefined, 1)(randn(8, 3, 32, 32))).shape<[8, 16, 32, 32]>();
// @ts-expect-error: padding 'same' needs stride 1
new nn.Conv2d(3, 16, 3, 2, 'same');
// @ts-expect-error: groups 4 does not divide outChannels 6
new nn.Conv2d(4, 6, 3, 1, 0, 1, 4);
// @ts-expect-error: 'strid' does not exist in type
new nn.Conv2d(3, 16, 3, { padding: 1, strid: 2 });
has(new nn.MaxPool2d(3, 2, 1)(randn(8, 3, 32, 32))).shape<[8, 3, 16, 16]>();
has(new nn.MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 })(randn(8, 3, 32, 32))).shape<[8, 3, 16, 16]>();
has(new nn.MaxPool2d(3, null, 1)(randn(8, 3, 32, 32))).shape<[8, 3, 11, 11]>();
has(new nn.MaxPool2d(2, 2, 0, 1, true)(randn(8, 3, 32, 32)).indices).shape<Dynamic>();
has(new nn.MaxPool2d(2, { returnIndices: true })(randn(8, 3, 32, 32)).values).shape<Dynamic>();
has(new nn.AvgPool2d(3, 2, 1, true, false)(randn(8, 3, 32, 32))).shape<[8, 3, 17, 17]>();
has(new nn.ConvTranspose2d(16, 8, 3, 2, 1, 1)(randn(1, 16, 7, 7))).shape<[1, 8, 14, 14]>();
export class OwnConv extends nn.Conv2d {
  constructor() {
    super(3, 4, 3, 2, 1);
    this.bias?.fill_(0);
  }
  override forward(input: Tensor) {
    return super.forward(input).relu();
  }
}
has(new OwnConv().weight.grad ?? bare).shape<Dynamic>();
export class OwnPool extends nn.MaxPool2d {
  constructor() {
    super(3, { stride: 2, padding: 1 });
  }
}

// ---------------------------------------------------------------------------------------------- functions

const images = randn(8, 3, 32, 32);
const filters = ones(16, 3, 3, 5);
has(F.conv2d(images, filters)).shape<[8, 16, 30, 28]>();
has(F.conv2d(images, filters, null, { stride: 2, padding: [1, 2] })).shape<[8, 16, 16, 16]>();
has(F.conv2d(images, filters, ones(16), { padding: 'same' })).shape<[8, 16, 32, 32]>();
has(F.conv2d(images, ones(6, 1, 3, 3), null, { groups: 3, dilation: 2 })).shape<[8, 6, 28, 28]>();
has(F.conv2d(randn(3, 32, 32), filters)).shape<[16, 30, 28]>();
has(F.conv2d(images, bare)).shape<Dynamic>();
has(F.conv2d(bare, filters)).shape<Dynamic>();
has(F.conv2d(loaded, filters)).shape<[number, 16, 30, 28]>();
// @ts-expect-error: conv2d expects 3 channels but receives 1 (input 1×32×32)
F.conv2d(randn(8, 1, 32, 32), filters);
// @ts-expect-error: padding 'same' needs stride 1
F.conv2d(images, filters, null, { padding: 'same', stride: 2 });
has(F.linear(randn(8, 1568), ones(10, 1568))).shape<[8, 10]>();
has(F.linear(randn(8, 1568), bare)).shape<Dynamic>();
// @ts-expect-error: linear expects 2048 features but receives 1568
F.linear(randn(8, 1568), ones(10, 2048));
has(F.maxPool2d(images, 2)).shape<[8, 3, 16, 16]>();
has(F.maxPool2d(images, 3, { stride: 2, padding: 1, ceilMode: true })).shape<[8, 3, 17, 17]>();
has(F.maxPool2d(bare, 2)).shape<Dynamic>();
// @ts-expect-error: maxPool2d: window 40×40 does not fit input 3×32×32
F.maxPool2d(images, 40);
has(F.avgPool2d(images, [2, 4])).shape<[8, 3, 16, 8]>();
has(F.adaptiveMaxPool2d(images, [1, null])).shape<[8, 3, 1, 32]>();
has(F.batchNorm(images, null, null, { training: true })).shape<[8, 3, 32, 32]>();
has(F.softmax(x, -1)).shape<[8, 3, 4]>();
has(F.softmax(x, { dim: 1 })).shape<[8, 3, 4]>();
has(F.leakyRelu(x, 0.2, { inplace: true })).shape<[8, 3, 4]>();
has(F.hardtanh(x, -1, { maxVal: 2 })).shape<[8, 3, 4]>();
has(F.dropout(x, 0.1)).shape<[8, 3, 4]>();
has(F.dropout(x, 0.1, false, { inplace: true })).shape<[8, 3, 4]>();
has(F.batchNorm(images, null, null, ones(3), ones(3), true, 0.2)).shape<[8, 3, 32, 32]>();
has(F.linear(randn(8, 1568), ones(10, 1568), { bias: ones(10) })).shape<[8, 10]>();
has(new nn.Linear(12, 4, false)(randn(2, 12))).shape<[2, 4]>();
has(new nn.Linear({ inFeatures: 12, outFeatures: 4 })(randn(2, 12))).shape<[2, 4]>();
has(new nn.Linear(12, { outFeatures: 4, bias: false })(randn(2, 12))).shape<[2, 4]>();
has(new nn.BatchNorm2d(3, 1e-3, null, false)(images)).shape<[8, 3, 32, 32]>();
has(new nn.BatchNorm2d({ numFeatures: 3, affine: false })(images)).shape<[8, 3, 32, 32]>();
has(new nn.LeakyReLU(0.2, true)(images)).shape<[8, 3, 32, 32]>();
has(new nn.Dropout(0.5, true)(images)).shape<[8, 3, 32, 32]>();
has(F.logSoftmax(bare, 1)).shape<Dynamic>();
// @ts-expect-error: dimension 3 is out of range for a 3-d tensor
F.softmax(x, 3);
has(F.oneHot(zeros(8), 10)).shape<[8, 10]>();
has(F.oneHot(bare, 10)).shape<Dynamic>();
const options: { stride?: number; padding?: number } = {};
has(F.maxPool2d(images, 2, options)).shape<[8, 3, number, number]>();

// ---------------------------------------------------------------------------------------------- losses

const logits = randn(32, 10);
const labels = zeros(32);
declare const reduction: 'mean' | 'none';
has(F.crossEntropy(logits, labels)).shape<[]>();
has(F.crossEntropy(logits, labels, { labelSmoothing: 0.1 })).shape<[]>();
has(F.crossEntropy(logits, logits, { reduction: 'none' })).shape<[32]>();
has(F.crossEntropy(logits, labels, { reduction })).shape<Dynamic>();
has(F.crossEntropy(bare, labels)).shape<[]>();
has(F.crossEntropy(randn(4, 10, 7, 7), zeros(4, 7, 7), { reduction: 'none' })).shape<[4, 7, 7]>();
// @ts-expect-error: crossEntropy expects a target of 32 but receives 20
F.crossEntropy(logits, zeros(20));
// @ts-expect-error: nllLoss expects a target of 32 but receives 32×10
F.nllLoss(logits, logits);
has(F.mseLoss(logits, randn(1, 10), { reduction: 'none' })).shape<[32, 10]>();
// @ts-expect-error: cannot broadcast 32×10 with 9
F.mseLoss(logits, randn(9));
const criterion = new nn.CrossEntropyLoss();
has(criterion(logits, labels)).shape<[]>();
has(criterion(bare, bare)).shape<[]>();
has(new nn.CrossEntropyLoss({ reduction: 'none' })(logits, labels)).shape<[32]>();
has(new nn.CrossEntropyLoss(ones(10), { reduction: 'none' })(logits, labels)).shape<[32]>();
has(F.crossEntropy(logits, labels, ones(10), { reduction: 'none' })).shape<[32]>();
has(F.crossEntropy(logits, labels, ones(10))).shape<[]>();
// @ts-expect-error: CrossEntropyLoss expects a target of 32 but receives 20
criterion(logits, zeros(20));
// @ts-expect-error: CrossEntropyLoss expects a target of 32 but receives 20
criterion.forward(logits, zeros(20));
// @ts-expect-error: NLLLoss expects a target of 32 but receives 32×10
new nn.NLLLoss()(logits, logits);
has(new nn.MSELoss({ reduction: 'none' })(logits, logits)).shape<[32, 10]>();
// @ts-expect-error: cannot broadcast 32×10 with 9
new nn.L1Loss()(logits, randn(9));
export const losses: ((output: Tensor, target: Tensor) => Tensor)[] = [criterion, new nn.MSELoss(), F.l1Loss];

// ---------------------------------------------------------------------------------------------- seal

const sealed = nn.seal(model);
is<typeof sealed, nn.Sealed<[3, 32, 32], [10]>>();
has(sealed(randn(20, 3, 32, 32))).shape<[20, 10]>();
has(sealed(bare)).shape<Dynamic>();
// @ts-expect-error: input should be 3×32×32 but is 1×32×32
sealed(randn(20, 1, 32, 32));
has(new nn.Sequential(new nn.Input(3, 32, 32), sealed, new nn.Linear(10, 2))(loaded)).shape<[number, 2]>();
// @ts-expect-error: Linear expects 12 features but receives 10
new nn.Sequential(sealed, new nn.ReLU(), new nn.Linear(12, 2));
export const head = nn.seal(new nn.Sequential(new nn.Input(64), new nn.Linear(64, 10)));
// @ts-expect-error: seal: the first layer should be an Input
nn.seal(new nn.Sequential(new nn.Linear(64, 10)));
export function batch<N extends number>(input: Tensor<[N, 3, 32, 32]>) {
  has(sealed(input)).shape<[N, 10]>();
}
const unlisted: nn.Sequential = growing;
export const dynamicModel: nn.Sequential = nn.seal(unlisted);
has(nn.seal(new nn.Sequential(['in', new nn.Input(3, 8, 8)], ['flat', new nn.Flatten()]))(randn(2, 3, 8, 8))).shape<[2, 192]>();

// ---------------------------------------------------------------------------------------------- norms of vectors

has(new nn.BatchNorm1d(16)(randn(8, 16))).shape<[8, 16]>();
has(new nn.BatchNorm1d(16)(randn(8, 16, 5))).shape<[8, 16, 5]>();
has(new nn.BatchNorm1d(n)(bare)).shape<Dynamic>();
// @ts-expect-error: BatchNorm1d expects 12 channels but receives 16 (input 16)
new nn.BatchNorm1d(12)(randn(8, 16));
// @ts-expect-error: BatchNorm1d expects a 2-d or 3-d input but receives 8×16×5×5
new nn.BatchNorm1d(16)(randn(8, 16, 5, 5));
