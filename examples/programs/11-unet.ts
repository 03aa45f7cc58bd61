/** U-Net with cross-entropy and Dice, RMSprop, ReduceLROnPlateau, clipped gradients: after milesial/Pytorch-UNet. */
import { cat, F, manualSeed, nn, noGrad, optim, randn, where, type Tensor } from 'flambeau';

class DoubleConv extends nn.Module {
  doubleConv: nn.Sequential;

  constructor(inChannels: number, outChannels: number, midChannels = outChannels) {
    super();
    this.doubleConv = new nn.Sequential(
      new nn.Conv2d(inChannels, midChannels, { kernelSize: 3, padding: 1, bias: false }),
      new nn.BatchNorm2d(midChannels),
      new nn.ReLU({ inplace: true }),
      new nn.Conv2d(midChannels, outChannels, { kernelSize: 3, padding: 1, bias: false }),
      new nn.BatchNorm2d(outChannels),
      new nn.ReLU({ inplace: true }),
    );
  }

  forward(x: Tensor): Tensor {
    return this.doubleConv(x);
  }
}

class Down extends nn.Module {
  maxpoolConv: nn.Sequential;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.maxpoolConv = new nn.Sequential(new nn.MaxPool2d(2), new DoubleConv(inChannels, outChannels));
  }

  forward(x: Tensor): Tensor {
    return this.maxpoolConv(x);
  }
}

class Up extends nn.Module {
  up: nn.Upsample | nn.ConvTranspose2d;
  conv: DoubleConv;

  constructor(inChannels: number, outChannels: number, bilinear = true) {
    super();
    // if bilinear, use the normal convolutions to reduce the number of channels
    if (bilinear) {
      this.up = new nn.Upsample({ scaleFactor: 2, mode: 'bilinear', alignCorners: true });
      this.conv = new DoubleConv(inChannels, outChannels, inChannels / 2);
    } else {
      this.up = new nn.ConvTranspose2d(inChannels, inChannels / 2, { kernelSize: 2, stride: 2 });
      this.conv = new DoubleConv(inChannels, outChannels);
    }
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    x1 = this.up(x1);
    // input is CHW
    const diffY = x2.size(2) - x1.size(2);
    const diffX = x2.size(3) - x1.size(3);
    x1 = F.pad(x1, [Math.floor(diffX / 2), diffX - Math.floor(diffX / 2), Math.floor(diffY / 2), diffY - Math.floor(diffY / 2)]);
    const x = cat([x2, x1], 1);
    return this.conv(x);
  }
}

class OutConv extends nn.Module {
  conv: nn.Conv2d;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.conv = new nn.Conv2d(inChannels, outChannels, { kernelSize: 1 });
  }

  forward(x: Tensor): Tensor {
    return this.conv(x);
  }
}

class UNet extends nn.Module {
  inc: DoubleConv;
  down1: Down;
  down2: Down;
  up1: Up;
  up2: Up;
  outc: OutConv;

  nClasses: number;

  constructor(nChannels: number, nClasses: number, bilinear = false) {
    super();
    this.nClasses = nClasses;
    this.inc = new DoubleConv(nChannels, 8);
    this.down1 = new Down(8, 16);
    const factor = bilinear ? 2 : 1;
    this.down2 = new Down(16, 32 / factor);
    this.up1 = new Up(32, 16 / factor, bilinear);
    this.up2 = new Up(16, 8, bilinear);
    this.outc = new OutConv(8, nClasses);
  }

  forward(x: Tensor): Tensor {
    const x1 = this.inc(x);
    const x2 = this.down1(x1);
    const x3 = this.down2(x2);
    x = this.up1(x3, x2);
    x = this.up2(x, x1);
    const logits = this.outc(x);
    return logits;
  }
}

// Average of Dice coefficient for all batches, or for a single mask
function diceCoeff(input: Tensor, target: Tensor, reduceBatchFirst = false, epsilon = 1e-6): Tensor {
  const sumDim = input.dim() === 2 || !reduceBatchFirst ? [-1, -2] : [-1, -2, -3];
  const inter = input.mul(target).sum(sumDim).mul(2);
  let setsSum: Tensor = input.sum(sumDim).add(target.sum(sumDim));
  setsSum = where(setsSum.eq(0), inter, setsSum);
  const dice = inter.add(epsilon).div(setsSum.add(epsilon));
  return dice.mean();
}

// Average of Dice coefficient for all classes
function multiclassDiceCoeff(input: Tensor, target: Tensor, reduceBatchFirst = false, epsilon = 1e-6): Tensor {
  return diceCoeff(input.flatten(0, 1), target.flatten(0, 1), reduceBatchFirst, epsilon);
}

function diceLoss(input: Tensor, target: Tensor, multiclass = false): Tensor {
  const fn = multiclass ? multiclassDiceCoeff : diceCoeff;
  return fn(input, target, true).rsub(1);
}

export const losses: number[] = [];
for (const [nClasses, bilinear] of [
  [1, true],
  [3, false],
] as const) {
  manualSeed(0);
  const model = new UNet(3, nClasses, bilinear);
  const images = randn(2, 3, 30, 28);
  const trueMasks = F.avgPool2d(images, 5, 1, 2)
    .mean(1)
    .mul(20)
    .clamp(0, Math.max(nClasses - 1, 1))
    .long();
  const optimizer = new optim.RMSprop(model.parameters(), {
    lr: 1e-5,
    weightDecay: 1e-8,
    momentum: 0.9,
    foreach: true,
  });
  const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer, 'max', { patience: 1 }); // goal: maximize Dice score
  const criterion = model.nClasses > 1 ? new nn.CrossEntropyLoss() : new nn.BCEWithLogitsLoss();
  for (let epoch = 0; epoch < 5; epoch++) {
    model.train();
    const masksPred = model(images);
    let loss: Tensor;
    if (model.nClasses === 1) {
      loss = criterion(masksPred.squeeze(1), trueMasks.float());
      loss = loss.add(diceLoss(F.sigmoid(masksPred.squeeze(1)), trueMasks.float(), false));
    } else {
      loss = criterion(masksPred, trueMasks);
      loss = loss.add(
        diceLoss(
          F.softmax(masksPred, 1).float(),
          F.oneHot(trueMasks, model.nClasses).permute(0, 3, 1, 2).float(),
          true, //
        ),
      );
    }
    optimizer.zeroGrad({ setToNone: true });
    loss.backward();
    const norm = nn.utils.clipGradNorm_(model.parameters(), 1.0);
    optimizer.step();
    losses.push(loss.item());
    if (epoch === 0) losses.push(norm.item());
    scheduler.step(0.5 - epoch * 0.01);
    losses.push(optimizer.paramGroups[0]!.lr);
  }
  model.eval();
  noGrad(() => {
    let maskPred = model(images);
    if (model.nClasses === 1) {
      maskPred = F.sigmoid(maskPred).gt(0.5).float();
      losses.push(diceCoeff(maskPred.squeeze(1), trueMasks.float()).item());
    } else {
      const maskTrue = F.oneHot(trueMasks, model.nClasses).permute(0, 3, 1, 2).float();
      maskPred = F.oneHot(maskPred.argmax(1), model.nClasses).permute(0, 3, 1, 2).float();
      losses.push(multiclassDiceCoeff(maskPred.at(':', '1:'), maskTrue.at(':', '1:')).item());
    }
  });
}
console.log(losses);
