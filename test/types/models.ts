/** Type tests of layers, models and Sequential: compiled, never run. */
import type { Apply, Argument, CheckLayers, ConvFn, InputFn, ModelFn, OutputShape, RunLayers, ShapeFn } from '../../src/nn/shape-types.ts';
import type { Dynamic, Wrong } from '../../src/tensor/shapes/index.ts';
import { F, randn, type Tensor } from 'flambeau';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  CrossEntropyLoss,
  Dropout,
  Flatten,
  Input,
  Layer,
  Linear,
  MaxPool2d,
  Module,
  ModuleBase,
  ReLU,
  Sequential,
} from '../../src/nn/index.ts';
import { has, is } from './support.ts';

const { relu } = F;

declare const n: number;
declare const bare: Tensor;
declare const loaded: Tensor<[number, 3, 32, 32]>;

// ---------------------------------------------------------------------------------------------- one layer

const conv = new Conv2d(3, 16, 3, { stride: 2, padding: 1 });
is<typeof conv, Conv2d<3, 16, 3, 2, 1>>();
has(conv(randn(8, 3, 32, 32))).shape<[8, 16, 16, 16]>();
has(conv.forward(randn(8, 3, 32, 32))).shape<[8, 16, 16, 16]>();
has(conv(randn(3, 32, 32))).shape<[16, 16, 16]>();
has(conv(loaded)).shape<[number, 16, 16, 16]>();
has(conv(randn(8, 3, n, 32))).shape<[8, 16, number, 16]>();
has(conv(bare)).shape<Dynamic>();
// @ts-expect-error: Conv2d expects 3 channels but receives 1 (input 1×32×32)
has(conv(randn(8, 1, 32, 32))).shape<Dynamic>();
type ConvRule = ConvFn<3, 16, 3, 2, 1>;
is<Argument<ConvRule, [8, 1, 32, 32], 'good'>, 'Conv2d expects 3 channels but receives 1 (input 1×32×32)'>();
is<Argument<ConvRule, [8, 3], 'good'>, 'Conv2d expects a 3-d or 4-d input but receives 8×3'>();
is<Argument<ConvRule, [8, 3, 32, 32], 'good'>, 'good'>();
is<Argument<ConvRule, Dynamic, 'good'>, 'good'>();
is<OutputShape<ConvRule, [8, 1, 32, 32]>, Dynamic>();
is<Apply<ConvRule, unknown>, [number, 16, number, number]>();
is<Apply<ConvFn<3, 16, 11>, [8, 3, 9, 9]>, Wrong<'Conv2d: window 11×11 does not fit input 3×9×9'>>();
is<Apply<ConvFn<3, 16, [3, 11]>, [8, 3, 9, 9]>, Wrong<'Conv2d: window 3×11 does not fit input 3×9×9'>>();

const wide = new Conv2d(3, 8, [3, 5], { stride: [1, 2], padding: [1, 2], dilation: [1, 2] });
has(wide(randn(1, 3, 20, 20))).shape<[1, 8, 20, 8]>();
has(new Conv2d(3, 8, 3, { dilation: 2 })(randn(1, 3, 20, 20))).shape<[1, 8, 16, 16]>();
has(new Conv2d(3, 8, 3, { padding: 'same' })(randn(1, 3, 20, 20))).shape<[1, 8, 20, 20]>();
has(new Conv2d(3, 8, 3, { padding: 'valid' })(randn(1, 3, 20, 20))).shape<[1, 8, 18, 18]>();
has(new Conv2d(n, 8, 3)(randn(4, 3, 8, 8))).shape<[4, 8, 6, 6]>();
has(new Conv2d(3, n, 3)(randn(4, 3, 8, 8))).shape<[4, number, 6, 6]>();
has(new Conv2d(3, 8, n)(randn(4, 3, 8, 8))).shape<[4, 8, number, number]>();
const options = { stride: 2 };
has(new Conv2d(3, 8, 3, options)(randn(4, 3, 8, 8))).shape<[4, 8, number, number]>();
declare const three: 3 | 5;
has(new Conv2d(3, 8, three)(randn(4, 3, 8, 8))).shape<[4, 8, number, number]>();
has(new Conv2d(6, 12, 3, { groups: 3 })(randn(4, 6, 8, 8))).shape<[4, 12, 6, 6]>();
// @ts-expect-error: groups 4 does not divide in_channels 6
new Conv2d(6, 12, 3, { groups: 4 });
// @ts-expect-error: groups 6 does not divide out_channels 10
new Conv2d(6, 10, 3, { groups: 6 });
// @ts-expect-error: padding 'same' needs stride 1
new Conv2d(6, 10, 3, { padding: 'same', stride: 2 });

has(new MaxPool2d(2)(randn(8, 16, 33, 32))).shape<[8, 16, 16, 16]>();
has(new MaxPool2d(2, 2)(randn(16, 32, 32))).shape<[16, 16, 16]>();
has(new MaxPool2d(3, 2, { padding: 1 })(randn(8, 64, 112, 112))).shape<[8, 64, 56, 56]>();
has(new MaxPool2d(3, 2, { ceilMode: true })(randn(8, 64, 6, 7))).shape<[8, 64, 3, 3]>();
has(new MaxPool2d(3, 2, { dilation: 2 })(randn(8, 64, 9, 9))).shape<[8, 64, 3, 3]>();
has(new MaxPool2d(2)(bare)).shape<Dynamic>();
// @ts-expect-error: MaxPool2d: window 4×4 does not fit input 32×3×3
new MaxPool2d(4)(randn(8, 32, 3, 3));
has(new AdaptiveAvgPool2d(1)(randn(8, 512, 7, 7))).shape<[8, 512, 1, 1]>();
has(new AdaptiveAvgPool2d([4, null])(randn(8, 512, 7, 7))).shape<[8, 512, 4, 7]>();
has(new BatchNorm2d(16)(randn(8, 16, 5, 5))).shape<[8, 16, 5, 5]>();
// @ts-expect-error: BatchNorm2d expects 8 channels but receives 16 (input 16×5×5)
new BatchNorm2d(8)(randn(8, 16, 5, 5));
// @ts-expect-error: BatchNorm2d expects a 4-d input but receives 16×5×5
new BatchNorm2d(16)(randn(16, 5, 5));
has(new Flatten()(randn(8, 32, 7, 7))).shape<[8, 1568]>();
has(new Flatten(0)(randn(8, 32))).shape<[256]>();
has(new Flatten()(bare)).shape<Dynamic>();
has(new Linear(1568, 10)(randn(8, 1568))).shape<[8, 10]>();
has(new Linear(16, 10)(randn(8, 3, 16))).shape<[8, 3, 10]>();
has(new Linear(16, 10)(randn(8, n))).shape<[8, 10]>();
has(new Linear(n, n)(randn(8, 16))).shape<[8, number]>();
has(new Linear(16, 10)(bare)).shape<Dynamic>();
// @ts-expect-error: Linear expects 2048 features but receives 1568
new Linear(2048, 10)(randn(8, 1568));
has(new ReLU()(randn(8, 3))).shape<[8, 3]>();
has(new Dropout(0.5)(bare)).shape<Dynamic>();

// ---------------------------------------------------------------------------------------------- losses

const criterion = new CrossEntropyLoss();
declare const labels: Tensor<[32]>;
has(criterion(randn(32, 10), labels)).shape<[]>();
has(criterion(randn(n, 10), labels)).shape<[]>();
has(criterion(bare, bare)).shape<[]>();
has(new CrossEntropyLoss({ reduction: 'none' })(randn(32, 10), labels)).shape<[32]>();
// @ts-expect-error: CrossEntropyLoss expects a target of 20 but receives 32
criterion(randn(20, 10), labels);

// ---------------------------------------------------------------------------------------------- models as classes

export class Plain extends Module {
  conv1 = new Conv2d(3, 32, 3);
  conv2 = new Conv2d(64, 64, 3);
  fc = new Linear(100, 10);
  forward(x: Tensor): Tensor {
    x = relu(this.conv1(x));
    x = relu(this.conv2(x)); // nothing is said about a bare Tensor, not even where it is wrong
    x = x.view(-1, 16 * 5 * 5);
    if (this.training) x = relu(x);
    return this.fc(x);
  }
}
const plain = new Plain();
is<typeof plain extends Module ? true : false, true>();
has(plain(bare)).shape<Dynamic>();
has(plain(randn(1))).shape<Dynamic>();

export class Net extends Module {
  conv1 = new Conv2d(3, 32, 3, { stride: 2, padding: 1 });
  conv2 = new Conv2d(32, 64, [3, 5], { padding: [1, 2] });
  pool = new MaxPool2d(2);
  norm = new BatchNorm2d(64);
  drop = new Dropout();
  fc = new Linear(4096, 10);
  forward<N extends number>(x: Tensor<[N, 3, 32, 32]>) {
    const a = relu(this.conv1(x));
    has(a).shape<[N, 32, 16, 16]>();
    const b = this.norm(this.conv2(a));
    has(b.add(b)).shape<[N, 64, 16, 16]>();
    return this.fc(this.drop(this.pool(b).flatten(1)));
  }
}
const net = new Net();
has(net.forward(randn(7, 3, 32, 32))).shape<[7, 10]>();
has(net(randn(7, 3, 32, 32))).shape<[number, 10]>(); // a call widens N: see `Typed` for keeping it
has(net(loaded)).shape<[number, 10]>();
has(net(bare)).shape<[number, 10]>();
// @ts-expect-error: '[7, 1, 32, 32]' is not assignable to '[number, 3, 32, 32]'
net(randn(7, 1, 32, 32));
// @ts-expect-error: expected 1 argument
net();
net.training = false;
net.parameters();

export class Wrongly extends Module {
  conv1 = new Conv2d(3, 32, 3, { stride: 2, padding: 1 });
  conv2 = new Conv2d(16, 64, 3);
  fc = new Linear(2048, 10);
  forward<N extends number>(x: Tensor<[N, 3, 32, 32]>) {
    const a = relu(this.conv1(x));
    // @ts-expect-error: Conv2d expects 16 channels but receives 32 (input 32×16×16)
    this.conv2(a);
    // @ts-expect-error: Linear expects 2048 features but receives 8192
    return this.fc(a.flatten(1));
  }
}

/** How Typed is called. */
type Classifier = <N extends number>(x: Tensor<[N, 3, 32, 32]>) => Tensor<[N, 10]>;
export class Typed extends Module<Classifier> {
  net = new Net();
  forward<N extends number>(x: Tensor<[N, 3, 32, 32]>) {
    return this.net.forward(x);
  }
}
has(new Typed()(randn(7, 3, 32, 32))).shape<[7, 10]>();
// @ts-expect-error: '[7, 1, 32, 32]' is not assignable to '[7, 3, 32, 32]'
new Typed()(randn(7, 1, 32, 32));
export class Misfit extends Module<(x: Tensor<[number, 4]>) => Tensor<[number, 10]>> {
  // @ts-expect-error: forward does not fit how the module is called
  forward(x: Tensor<[number, 4]>): Tensor<[number, 4]> {
    return x;
  }
}
// @ts-expect-error: does not implement inherited abstract member forward
export class NoForward extends Module {}

/** Two inputs, and a result that is no tensor. */
export class Siamese extends Module {
  forward(a: Tensor, b: Tensor<[8, 3]>, swap = false): [first: Tensor, second: Tensor] {
    return swap ? [b, a] : [a, b];
  }
}
is<ReturnType<Siamese>, [first: Tensor, second: Tensor]>();
new Siamese()(bare, bare);
new Siamese()(bare, randn(8, 3), true);
// @ts-expect-error: '[8, 4]' is not assignable to '[8, 3]'
new Siamese()(bare, randn(8, 4));

const modules: Module[] = [conv, net, plain, new Sequential(conv), new ReLU()];
let value: Tensor = bare;
for (const module of modules) value = module(value);
const every: ModuleBase[] = [...modules, new Siamese(), criterion, new Typed()];

declare const something: unknown;
if (something instanceof Module) is<ReturnType<typeof something>, Dynamic>();
if (something instanceof Linear) has(something(randn(3))).shape<[Dynamic]>();
if (something instanceof Conv2d) is<(typeof something)['inChannels'], number>();
if (something instanceof Conv2d) has(something(randn(8, 3, 32, 32))).shape<Dynamic>();
for (const module of every) if (module instanceof Conv2d) has(module.weight).shape<Dynamic>();

// layers can be extended, and stand for layers of sizes that are not known
export class MyConv extends Conv2d<3, 16, 3> {
  constructor() {
    super(3, 16, 3);
  }
  protected override run(x: Tensor): Tensor {
    return super.run(x).relu();
  }
}
has(new MyConv()(randn(8, 3, 32, 32))).shape<[8, 16, 30, 30]>();
export class MyLinear<In extends number> extends Linear<In, 10> {
  constructor(inFeatures: In) {
    super(inFeatures, 10, { bias: false });
  }
}
has(new MyLinear(64)(randn(8, 64))).shape<[8, 10]>();
export const anyConv: Conv2d = new Conv2d(3, 16, 3);
export const convs: Conv2d[] = [
  new Conv2d(3, 16, 3, { dilation: 2, padding: 'same' }),
  new Conv2d(3, 16, [1, 3], { stride: [1, 2], padding: [0, 1] }),
  new Conv2d(n, n, n, { dilation: n, stride: n, padding: n }),
];
export const pools: MaxPool2d[] = [new MaxPool2d(2), new MaxPool2d(3, [2, 1], { dilation: 2, ceilMode: true })];
export const transposed: ConvTranspose2d[] = [
  new ConvTranspose2d(8, 3, 3),
  new ConvTranspose2d(8, 3, [3, 1], { stride: 2, outputPadding: 1, dilation: 3 }),
];
for (const layer of [...convs, ...pools, ...transposed]) has(layer(bare)).shape<Dynamic>();

// a layer of sizes that are known is not replaced by one of others: what it gives would be said wrongly from then on
export const fixed = { conv: new Conv2d(3, 16, 3, { padding: 1 }), pool: new MaxPool2d(2) };
fixed.conv = new Conv2d(3, 16, 3, { padding: 1, bias: false });
// @ts-expect-error: '5' is not assignable to type '3'
fixed.conv = new Conv2d(3, 16, 5, { padding: 1 });
// @ts-expect-error: '2' is not assignable to type '1'
fixed.conv = new Conv2d(3, 16, 3, { padding: 1, stride: 2 });
// @ts-expect-error: '0' is not assignable to type '1'
fixed.conv = new Conv2d(3, 16, 3);
// @ts-expect-error: '3' is not assignable to type '2'
fixed.pool = new MaxPool2d(3);
// what is left out has its default, whatever the place it is put in expects
// @ts-expect-error: '0' is not assignable to type '1'
export const padded: Conv2d<3, 16, 3, 1, 1> = new Conv2d(3, 16, 3);
// @ts-expect-error: '3' is not assignable to type '1'
export const dense: MaxPool2d<3, 1> = new MaxPool2d(3);
export const anyLinear: Linear = new Linear(64, 10);

/** A user's own layer, with the shapes of a list of others. */
interface BlockFn<In extends number, Out extends number, Stride extends number> extends ShapeFn {
  readonly out: RunLayers<[Conv2d<In, Out, 3, Stride, 1>, Conv2d<Out, Out, 3, 1, 1>], this['in']>;
}
export class Block<In extends number, Out extends number, Stride extends number> extends Layer<BlockFn<In, Out, Stride>> {
  conv1: Conv2d<number, number, 3, number, 1>;
  conv2: Conv2d<number, number, 3, 1, 1>;
  constructor(channels: In, out: Out, stride: Stride) {
    super();
    const [i, o, s]: number[] = [channels, out, stride]; // inside, the sizes are plain numbers
    this.conv1 = new Conv2d(i!, o!, 3, { stride: s!, padding: 1 });
    this.conv2 = new Conv2d(o!, o!, 3, { padding: 1 });
  }
  protected override run(x: Tensor): Tensor {
    return relu(this.conv2(relu(this.conv1(x))));
  }
}
has(new Block(64, 128, 2)(randn(2, 64, 56, 56))).shape<[2, 128, 28, 28]>();
// @ts-expect-error: layer 0: Conv2d expects 64 channels but receives 32 (input 32×56×56)
new Block(64, 128, 2)(randn(2, 32, 56, 56));

// ---------------------------------------------------------------------------------------------- Sequential

const tutorial = new Sequential(
  new Conv2d(3, 10, 3),
  new MaxPool2d(4, 4),
  new Conv2d(10, 20, 5, { padding: 2 }),
  new MaxPool2d(2, 2),
  new Flatten(),
  new Linear(5120, 10),
);
has(tutorial(randn(32, 3, 130, 130))).shape<[32, 10]>();
has(tutorial(randn(n, 3, n, 130))).shape<[number, 10]>();
has(tutorial(bare)).shape<Dynamic>();
// @ts-expect-error: layer 5: Linear expects 5120 features but receives 980 = 20×7×7
tutorial(randn(32, 3, 64, 64));
// @ts-expect-error: layer 0: Conv2d expects 3 channels but receives 1 (input 1×130×130)
tutorial(randn(32, 1, 130, 130));

type Layers = [Input<[3, 32, 32]>, Conv2d<3, 32, 3, 2, 1>, MaxPool2d<2, 2, 0>, Conv2d<32, 32, 2, 1, 0>, Flatten, Linear<2048, 10>];
is<CheckLayers<Layers>[5], 'Linear expects 2048 features but receives 1568 = 32×7×7'>();
is<CheckLayers<Layers>[4], Flatten>();
is<RunLayers<Layers, [8, 3, 32, 32]>, Wrong<'layer 5: Linear expects 2048 features but receives 1568 = 32×7×7'>>();
is<RunLayers<Layers, [8, 3, 28, 28]>, Wrong<'layer 0: input should be 3×32×32 but is 3×28×28'>>();
is<RunLayers<Layers, Dynamic>, Dynamic>();
is<Apply<InputFn<[3, 32, 32]>, [3, 32, 32]>, [3, 32, 32]>();
is<Apply<InputFn<[3, 32, 32]>, [3, 32]>, Wrong<'input should be 3×32×32 but is 3×32'>>();
is<Apply<ModelFn<[3, 32, 32], [10]>, [7, 3, 32, 32]>, [7, 10]>();
is<Apply<ModelFn<[3, 32, 32], [10]>, [3, 32, 32]>, [10]>();
is<Apply<ModelFn<[3, 32, 32], [10]>, unknown>, [number, 10]>();
is<Apply<ModelFn<[3, 32, 32], [10]>, Dynamic>, Dynamic>();
type Dropped = [Input<[3, 32, 32]>, Flatten, Dropout, ReLU, Linear<3, 4>, ReLU, Linear<5, 6>];
is<CheckLayers<Dropped>[4], 'Linear expects 3 features but receives 3072 = 3×32×32'>();
is<CheckLayers<[Linear<3, 4>, ReLU, Linear<5, 6>]>[2], 'Linear expects 5 features but receives 4'>();

new Sequential(
  new Input(3, 32, 32),
  new Conv2d(3, 32, 3, { stride: 2, padding: 1 }),
  new MaxPool2d(2, 2),
  new Conv2d(32, 32, 2),
  new Flatten(),
  // @ts-expect-error: Linear expects 2048 features but receives 1568 = 32×7×7
  new Linear(2048, 10),
);
new Sequential(
  new Input(3, 32, 32),
  new Conv2d(3, 32, 3, { stride: 4 }),
  // @ts-expect-error: Conv2d: window 11×11 does not fit input 32×8×8
  new Conv2d(32, 64, 11),
);
new Sequential(
  new Conv2d(3, 10, 3),
  new BatchNorm2d(10),
  new ReLU(),
  // @ts-expect-error: Conv2d expects 12 channels but receives 10 (input 10×?×?)
  new Conv2d(12, 20, 5),
);
new Sequential(
  new Conv2d(3, 512, 3),
  new AdaptiveAvgPool2d(1),
  new Flatten(),
  // @ts-expect-error: Linear expects 256 features but receives 512 = 512×1×1
  new Linear(256, 10),
);

// nested, named, with models, with lists that are not known
const nested = new Sequential(
  new Input(3, 32, 32),
  new Sequential(new Conv2d(3, 8, 3, { padding: 1 }), new ReLU()),
  new Sequential(new Flatten(), new Linear(8192, 10)),
);
has(nested(randn(5, 3, 32, 32))).shape<[5, 10]>();
new Sequential(
  new Input(3, 32, 32),
  // @ts-expect-error: layer 2: Linear expects 8192 features but receives 4096 = 4×32×32
  new Sequential(new Conv2d(3, 4, 3, { padding: 1 }), new Flatten(), new Linear(8192, 10)),
);
const named = new Sequential(['conv', new Conv2d(3, 8, 3)], ['relu', new ReLU()]);
has(named(randn(5, 3, 32, 32))).shape<[5, 8, 30, 30]>();
// @ts-expect-error: layer conv: Conv2d expects 3 channels but receives 4 (input 4×32×32)
named(randn(5, 4, 32, 32));
has(new Sequential(net, new Linear(10, 2))(randn(5, 3, 32, 32))).shape<[number, 2]>();
// @ts-expect-error: forward() of this module does not take 4×32×32
new Sequential(new Input(3, 32, 32), new Conv2d(3, 4, 1), net);
declare const unknownLayers: Module[];
has(new Sequential(...unknownLayers)(bare)).shape<Dynamic>();
has(new Sequential(new Flatten(), ...unknownLayers, new Linear(3, 4))(randn(3, 4, 4, 4))).shape<Dynamic>();
has(new Sequential(new Conv2d(3, 8, 3), plain, new Linear(10, 2))(randn(1, 3, 8, 8))).shape<Dynamic>();
has(new Sequential()(randn(1, 3, 8, 8))).shape<Dynamic>(); // it may grow
