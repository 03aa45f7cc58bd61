/** Fast neural style, a transformer network under perceptual losses: after pytorch/examples, fast_neural_style. */
import { manualSeed, nn, optim, rand, type Tensor } from 'flambeau';

class ConvLayer extends nn.Module {
  reflectionPad: nn.ReflectionPad2d;
  conv2d: nn.Conv2d;

  constructor(inChannels: number, outChannels: number, kernelSize: number, stride: number) {
    super();
    const reflectionPadding = Math.floor(kernelSize / 2);
    this.reflectionPad = new nn.ReflectionPad2d(reflectionPadding);
    this.conv2d = new nn.Conv2d(inChannels, outChannels, kernelSize, stride);
  }

  forward(x: Tensor): Tensor {
    let out = this.reflectionPad(x);
    out = this.conv2d(out);
    return out;
  }
}

class ResidualBlock extends nn.Module {
  conv1: ConvLayer;
  in1: nn.InstanceNorm2d;
  conv2: ConvLayer;
  in2: nn.InstanceNorm2d;
  relu = new nn.ReLU();

  constructor(channels: number) {
    super();
    this.conv1 = new ConvLayer(channels, channels, 3, 1);
    this.in1 = new nn.InstanceNorm2d(channels, { affine: true });
    this.conv2 = new ConvLayer(channels, channels, 3, 1);
    this.in2 = new nn.InstanceNorm2d(channels, { affine: true });
  }

  forward(x: Tensor): Tensor {
    const residual = x;
    let out = this.relu(this.in1(this.conv1(x)));
    out = this.in2(this.conv2(out));
    out = out.add(residual);
    return out;
  }
}

class UpsampleConvLayer extends nn.Module {
  upsample: number | undefined;
  reflectionPad: nn.ReflectionPad2d;
  conv2d: nn.Conv2d;

  constructor(inChannels: number, outChannels: number, kernelSize: number, stride: number, upsample?: number) {
    super();
    this.upsample = upsample;
    const reflectionPadding = Math.floor(kernelSize / 2);
    this.reflectionPad = new nn.ReflectionPad2d(reflectionPadding);
    this.conv2d = new nn.Conv2d(inChannels, outChannels, kernelSize, stride);
  }

  forward(x: Tensor): Tensor {
    let xIn = x;
    if (this.upsample) {
      xIn = nn.functional.interpolate(xIn, { mode: 'nearest', scaleFactor: this.upsample });
    }
    let out = this.reflectionPad(xIn);
    out = this.conv2d(out);
    return out;
  }
}

class TransformerNet extends nn.Module {
  conv1 = new ConvLayer(3, 8, 9, 1);
  in1 = new nn.InstanceNorm2d(8, { affine: true });
  conv2 = new ConvLayer(8, 16, 3, 2);
  in2 = new nn.InstanceNorm2d(16, { affine: true });
  res1 = new ResidualBlock(16);
  deconv1 = new UpsampleConvLayer(16, 8, 3, 1, 2);
  in4 = new nn.InstanceNorm2d(8, { affine: true });
  deconv2 = new ConvLayer(8, 3, 9, 1);
  relu = new nn.ReLU();

  forward(X: Tensor): Tensor {
    let y = this.relu(this.in1(this.conv1(X)));
    y = this.relu(this.in2(this.conv2(y)));
    y = this.res1(y);
    y = this.relu(this.in4(this.deconv1(y)));
    y = this.deconv2(y);
    return y;
  }
}

class Vgg extends nn.Module {
  slice1 = new nn.Sequential();
  slice2 = new nn.Sequential();

  constructor(requiresGrad = false) {
    super();
    const features = new nn.Sequential(
      new nn.Conv2d(3, 8, 3, { padding: 1 }), new nn.ReLU(), new nn.Conv2d(8, 8, 3, { padding: 1 }), new nn.ReLU(),
      new nn.MaxPool2d(2, 2),
      new nn.Conv2d(8, 16, 3, { padding: 1 }), new nn.ReLU(), new nn.Conv2d(16, 16, 3, { padding: 1 }), new nn.ReLU(),
    ); // prettier-ignore
    for (let x = 0; x < 4; x++) {
      this.slice1.addModule(String(x), features.at(x));
    }
    for (let x = 4; x < 9; x++) {
      this.slice2.addModule(String(x), features.at(x));
    }
    if (!requiresGrad) {
      for (const param of this.parameters()) {
        param.requiresGrad = false;
      }
    }
  }

  forward(X: Tensor): { relu1_2: Tensor; relu2_2: Tensor } {
    let h: Tensor = this.slice1(X);
    const relu1_2 = h;
    h = this.slice2(h);
    const relu2_2 = h;
    return { relu1_2, relu2_2 };
  }
}

function gramMatrix(y: Tensor): Tensor {
  const [b, ch, h, w] = y.size() as [number, number, number, number];
  const features = y.view(b, ch, w * h);
  const featuresT = features.transpose(1, 2);
  const gram = features.bmm(featuresT).div(ch * h * w);
  return gram;
}

function normalizeBatch(batch: Tensor): Tensor {
  // normalize using imagenet mean and std
  const mean = batch.newTensor([0.485, 0.456, 0.406]).view(-1, 1, 1);
  const std = batch.newTensor([0.229, 0.224, 0.225]).view(-1, 1, 1);
  batch = batch.div_(255.0);
  return batch.sub(mean).div(std);
}

manualSeed(42);
export const losses: number[] = [];
const trainBatch = rand(2, 3, 32, 32).mul(255);
let style: Tensor = rand(3, 32, 32).mul(255);
const transformer = new TransformerNet();
const optimizer = new optim.Adam(transformer.parameters(), 1e-3);
const mseLoss = new nn.MSELoss();
const vgg = new Vgg(false);
style = style.repeat(2, 1, 1, 1);
const featuresStyle = vgg(normalizeBatch(style));
const gramStyle = Object.values(featuresStyle).map((y) => gramMatrix(y));
for (let step = 0; step < 4; step++) {
  let x: Tensor = trainBatch.clone();
  const nBatch = x.size(0);
  optimizer.zeroGrad();
  let y = transformer(x);
  y = normalizeBatch(y);
  x = normalizeBatch(x);
  const featuresY = vgg(y);
  const featuresX = vgg(x);
  const contentLoss = mseLoss(featuresY.relu2_2, featuresX.relu2_2).mul(1e5);
  let styleLoss: Tensor | number = 0;
  Object.values(featuresY).forEach((ftY, i) => {
    const gmY = gramMatrix(ftY);
    styleLoss = mseLoss(gmY, gramStyle[i]!.at(`:${nBatch}`, ':', ':')).add(styleLoss);
  });
  styleLoss = (styleLoss as unknown as Tensor).mul(1e10);
  const totalLoss = contentLoss.add(styleLoss);
  totalLoss.backward();
  optimizer.step();
  losses.push(contentLoss.item(), styleLoss.item(), totalLoss.item());
}
console.log(losses);
