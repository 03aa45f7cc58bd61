/** Networks with squeeze and excitation and with depthwise convolutions, CosineAnnealingLR: after kuangliu/pytorch-cifar. */
import { F, manualSeed, nn, noGrad, optim, randint, randn, type Tensor } from 'flambeau';

class PreActBlock extends nn.Module {
  bn1: nn.BatchNorm2d;
  conv1: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  shortcut?: nn.Sequential;
  fc1: nn.Conv2d;
  fc2: nn.Conv2d;

  constructor(inPlanes: number, planes: number, stride = 1) {
    super();
    this.bn1 = new nn.BatchNorm2d(inPlanes);
    this.conv1 = new nn.Conv2d(inPlanes, planes, { kernelSize: 3, stride, padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(planes);
    this.conv2 = new nn.Conv2d(planes, planes, { kernelSize: 3, stride: 1, padding: 1, bias: false });

    if (stride !== 1 || inPlanes !== planes) {
      this.shortcut = new nn.Sequential(
        new nn.Conv2d(inPlanes, planes, { kernelSize: 1, stride, bias: false }), //
      );
    }

    // SE layers; nn.Conv2d instead of nn.Linear
    this.fc1 = new nn.Conv2d(planes, Math.floor(planes / 16), { kernelSize: 1 });
    this.fc2 = new nn.Conv2d(Math.floor(planes / 16), planes, { kernelSize: 1 });
  }

  forward(x: Tensor): Tensor {
    let out = F.relu(this.bn1(x));
    const shortcut = this.shortcut ? this.shortcut(out) : x;
    out = this.conv1(out);
    out = this.conv2(F.relu(this.bn2(out)));

    // Squeeze
    let w = F.avgPool2d(out, out.size(2));
    w = F.relu(this.fc1(w));
    w = F.sigmoid(this.fc2(w));
    // Excitation
    out = out.mul(w);

    out = out.add(shortcut);
    return out;
  }
}

class SENet extends nn.Module {
  inPlanes = 16;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  layer1: nn.Sequential;
  layer2: nn.Sequential;
  linear: nn.Linear;

  constructor(block: typeof PreActBlock, numBlocks: [number, number], numClasses = 10) {
    super();
    this.conv1 = new nn.Conv2d(3, 16, { kernelSize: 3, stride: 1, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(16);
    this.layer1 = this.makeLayer(block, 16, numBlocks[0], 1);
    this.layer2 = this.makeLayer(block, 32, numBlocks[1], 2);
    this.linear = new nn.Linear(32, numClasses);
  }

  makeLayer(block: typeof PreActBlock, planes: number, numBlocks: number, stride: number) {
    const strides = [stride, ...Array<number>(numBlocks - 1).fill(1)];
    const layers: PreActBlock[] = [];
    for (const stride of strides) {
      layers.push(new block(this.inPlanes, planes, stride));
      this.inPlanes = planes;
    }
    return new nn.Sequential(...layers);
  }

  forward(x: Tensor): Tensor {
    let out = F.relu(this.bn1(this.conv1(x)));
    out = this.layer1(out);
    out = this.layer2(out);
    out = F.avgPool2d(out, 4);
    out = F.adaptiveAvgPool2d(out, 1);
    out = out.view(out.size(0), -1);
    return this.linear(out);
  }
}

/** Depthwise conv + Pointwise conv */
class Block extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;

  constructor(inPlanes: number, outPlanes: number, stride = 1) {
    super();
    this.conv1 = new nn.Conv2d(inPlanes, inPlanes, {
      kernelSize: 3,
      stride,
      padding: 1,
      groups: inPlanes,
      bias: false,
    });
    this.bn1 = new nn.BatchNorm2d(inPlanes);
    this.conv2 = new nn.Conv2d(inPlanes, outPlanes, { kernelSize: 1, stride: 1, padding: 0, bias: false });
    this.bn2 = new nn.BatchNorm2d(outPlanes);
  }

  forward(x: Tensor): Tensor {
    let out = F.relu(this.bn1(this.conv1(x)));
    out = F.relu(this.bn2(this.conv2(out)));
    return out;
  }
}

class MobileNet extends nn.Module {
  // (64, 2) means conv planes=64, conv stride=2, by default conv stride=1
  static cfg: (number | [number, number])[] = [16, [32, 2], 32, [64, 2]];
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  layers: nn.Sequential;
  linear: nn.Linear;

  constructor(numClasses = 10) {
    super();
    this.conv1 = new nn.Conv2d(3, 16, { kernelSize: 3, stride: 1, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(16);
    this.layers = this.makeLayers(16);
    this.linear = new nn.Linear(64, numClasses);
  }

  makeLayers(inPlanes: number) {
    const layers: Block[] = [];
    for (const x of MobileNet.cfg) {
      const [outPlanes, stride] = typeof x === 'number' ? [x, 1] : x;
      layers.push(new Block(inPlanes, outPlanes, stride));
      inPlanes = outPlanes;
    }
    return new nn.Sequential(...layers);
  }

  forward(x: Tensor): Tensor {
    let out = F.relu(this.bn1(this.conv1(x)));
    out = this.layers(out);
    out = F.avgPool2d(out, 8);
    out = out.view(out.size(0), -1);
    return this.linear(out);
  }
}

export const losses: number[] = [];
for (const make of [() => new SENet(PreActBlock, [1, 1]), () => new MobileNet()]) {
  manualSeed(0);
  const net = make();
  const inputs = randn(8, 3, 32, 32);
  const targets = randint(0, 10, [8]);
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 5e-4 });
  const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, { tMax: 200 });
  for (let epoch = 0; epoch < 4; epoch++) {
    net.train();
    optimizer.zeroGrad();
    const outputs = net(inputs);
    const loss = criterion(outputs, targets);
    loss.backward();
    optimizer.step();
    scheduler.step();
    losses.push(loss.item(), scheduler.getLastLr()[0]!);
  }
  net.eval();
  noGrad(() => {
    const outputs = net(inputs);
    const [, predicted] = outputs.max(1);
    losses.push(criterion(outputs, targets).item(), predicted.eq(targets).sum().item());
  });
}
console.log(losses);
