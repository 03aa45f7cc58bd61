/** What programs ported from PyTorch write, in strict TypeScript: what compiles here is the check, `tsc` runs it. */
import type { models } from 'flambeau/vision';
import { autograd, F, nn, randn, scatter, scatterAdd, stdMean, varMean, zeros, type Tensor } from 'flambeau';

/** Sizes that come out of a computation are arrays of any length. */
export function sizes(x: Tensor, w: Tensor): Tensor[] {
  const s: number[] = [x.size(2), x.size(3)];
  new nn.Conv2d(3, 8, s);
  new nn.Conv2d(3, 8, { kernelSize: s, padding: s });
  new nn.ConvTranspose2d(3, 8, s, s);
  new nn.MaxPool2d(s);
  new nn.AdaptiveAvgPool2d(s);
  return [
    F.avgPool2d(x, s), F.maxPool2d(x, s, s), F.adaptiveAvgPool2d(x, s), F.adaptiveMaxPool2d(x, s), F.conv2d(x, w, null, s, s), F.conv2d(x, w, { stride: s, padding: s }),
    F.convTranspose2d(x, w, null, s, s), F.interpolate(x, s), new nn.AvgPool2d(s)(x),
  ]; // prettier-ignore
}

/** Layers that extend others hand on the fields of these, and their arguments. */
export class Standardized extends nn.Conv2d {
  readonly gain: number;
  constructor(...args: ConstructorParameters<typeof nn.Conv2d>) {
    super(...args);
    this.gain = this.weight.numel() ** -0.5;
  }
  override forward(x: Tensor): Tensor {
    const [std, mean] = stdMean(this.weight, { dim: [1, 2, 3], keepdim: true, unbiased: false });
    const weight = this.weight.sub(mean).div(std).mul(this.gain);
    return F.conv2d(x, weight, this.bias, this.stride, this.padding, this.dilation, this.groups);
  }
}
export class Named extends nn.Conv2d {
  override forward(x: Tensor): Tensor {
    const { bias, stride, padding, dilation, groups } = this;
    return F.conv2d(x, this.weight, { bias, stride, padding, dilation, groups });
  }
}
export class Means extends nn.AvgPool2d {
  override forward(x: Tensor): Tensor {
    return F.avgPool2d(x, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad);
  }
}
export const standardized: Tensor = new Standardized(3, 8, 3, { padding: 1 })(randn(1, 3, 8, 8) as Tensor);

/** Recurrent layers make tensors of tensors, with other features. */
export function recurrent(x: Tensor<[5, 2, 8]>): Tensor[] {
  const [all, last] = new nn.GRU(8, 16)(x);
  const [outputs, [hidden, cell]] = new nn.LSTM(8, 16)(x, [zeros(1, 2, 16), zeros(1, 2, 16)]);
  return [all.view(5, 2, 16), last, outputs.at(-1), hidden, cell];
}

/** What was made may be changed afterwards. */
export function changed(conv: nn.Conv2d, norm: nn.BatchNorm2d, drop: nn.Dropout, relu: nn.ReLU, loss: nn.MSELoss): void {
  conv.stride = [1, 1];
  conv.paddingMode = 'circular';
  norm.eps = 1e-3;
  norm.momentum = 0.01;
  drop.p = 0.1;
  relu.inplace = false;
  loss.reduction = 'none';
}

export function functions(x: Tensor, index: Tensor): unknown[] {
  x.setAt(0, 1).setAt(x.gt(0), 0).setAt('1:', true);
  const penalty = autograd.grad({ outputs: x, inputs: x, gradOutputs: x, createGraph: true, retainGraph: true })[0];
  autograd.backward({ tensors: [x], retainGraph: true });
  // @ts-expect-error the inputs are missing
  autograd.grad({ outputs: x });
  const layers: Record<string, nn.Module> = { conv: new nn.Conv2d(3, 4, 3), relu: new nn.ReLU() };
  return [
    penalty.norm(2, 1),
    scatter(x, 1, index, 0),
    scatterAdd(x, 1, index, x),
    varMean(x, { dim: 1, unbiased: false }),
    new nn.Sequential(layers),
  ];
}

/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access -- `any`, as in Python: what a module gives is not known */
/** What comes out of a model can be called; hooks know what they see; parts of a network are replaced. */
export function parts(model: models.ResNet, x: Tensor): Tensor {
  for (const layer of new nn.ModuleList([new nn.Linear(2, 2), new nn.ReLU()])) x = layer(x);
  for (const [, layer] of new nn.ModuleDict({ a: new nn.Linear(2, 2) }).items()) x = layer(x);
  for (const layer of model.children()) x = layer(x);
  model.maxpool = new nn.Identity();
  model.conv1 = new nn.Conv2d(3, 64, 3, { stride: 1, padding: 1, bias: false });
  const seen: Record<string, Tensor> = {};
  const keep = (name: string) => (_module: nn.Module, _input: unknown, output: Tensor) => {
    seen[name] = output.detach();
  };
  model.layer1.registerForwardHook(keep('layer1'));
  model.fc.registerForwardHook((_, [input], output) => console.log(input.shape, output.shape));
  model.loadStateDict(Object.fromEntries(model.stateDict()));
  return x.to('cuda', { nonBlocking: true });
}
