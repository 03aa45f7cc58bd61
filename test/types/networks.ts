/** Type tests of whole networks, and a measure of what checking them costs: compiled, never run. */
import { F, nn, randn, type Tensor } from 'flambeau';
import { has } from './support.ts';

const { AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, Input, Linear, MaxPool2d, Module, ReLU, Sequential } = nn;
const { relu } = F;

// ---------------------------------------------------------------------------------------------- VGG-16

export const vgg16 = new Sequential(
  new Input(3, 224, 224),
  new Conv2d(3, 64, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(64, 64, 3, { padding: 1 }),
  new ReLU(),
  new MaxPool2d(2, 2),
  new Conv2d(64, 128, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(128, 128, 3, { padding: 1 }),
  new ReLU(),
  new MaxPool2d(2, 2),
  new Conv2d(128, 256, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(256, 256, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(256, 256, 3, { padding: 1 }),
  new ReLU(),
  new MaxPool2d(2, 2),
  new Conv2d(256, 512, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(512, 512, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(512, 512, 3, { padding: 1 }),
  new ReLU(),
  new MaxPool2d(2, 2),
  new Conv2d(512, 512, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(512, 512, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(512, 512, 3, { padding: 1 }),
  new ReLU(),
  new MaxPool2d(2, 2),
  new AdaptiveAvgPool2d(7),
  new Flatten(),
  new Linear(25088, 4096),
  new ReLU(),
  new Dropout(),
  new Linear(4096, 4096),
  new ReLU(),
  new Dropout(),
  new Linear(4096, 1000),
);
has(vgg16(randn(8, 3, 224, 224))).shape<[8, 1000]>();

// ---------------------------------------------------------------------------------------------- ResNet-18

const conv3 = { padding: 1, bias: false } as const;
const halving = { stride: 2, padding: 1, bias: false } as const;

class Stage1Block extends Module {
  conv1 = new Conv2d(64, 64, 3, conv3);
  bn1 = new BatchNorm2d(64);
  conv2 = new Conv2d(64, 64, 3, conv3);
  bn2 = new BatchNorm2d(64);
  forward<N extends number>(x: Tensor<[N, 64, 56, 56]>) {
    const out = this.bn2(this.conv2(relu(this.bn1(this.conv1(x)))));
    return relu(out.add(x));
  }
}

class Stage2First extends Module {
  conv1 = new Conv2d(64, 128, 3, halving);
  bn1 = new BatchNorm2d(128);
  conv2 = new Conv2d(128, 128, 3, conv3);
  bn2 = new BatchNorm2d(128);
  downsample = new Sequential(new Conv2d(64, 128, 1, { stride: 2, bias: false }), new BatchNorm2d(128));
  forward<N extends number>(x: Tensor<[N, 64, 56, 56]>) {
    const out = this.bn2(this.conv2(relu(this.bn1(this.conv1(x)))));
    return relu(out.add(this.downsample(x)));
  }
}

class Stage2Block extends Module {
  conv1 = new Conv2d(128, 128, 3, conv3);
  bn1 = new BatchNorm2d(128);
  conv2 = new Conv2d(128, 128, 3, conv3);
  bn2 = new BatchNorm2d(128);
  forward<N extends number>(x: Tensor<[N, 128, 28, 28]>) {
    const out = this.bn2(this.conv2(relu(this.bn1(this.conv1(x)))));
    return relu(out.add(x));
  }
}

class Stage3First extends Module {
  conv1 = new Conv2d(128, 256, 3, halving);
  bn1 = new BatchNorm2d(256);
  conv2 = new Conv2d(256, 256, 3, conv3);
  bn2 = new BatchNorm2d(256);
  downsample = new Sequential(new Conv2d(128, 256, 1, { stride: 2, bias: false }), new BatchNorm2d(256));
  forward<N extends number>(x: Tensor<[N, 128, 28, 28]>) {
    const out = this.bn2(this.conv2(relu(this.bn1(this.conv1(x)))));
    return relu(out.add(this.downsample(x)));
  }
}

class Stage3Block extends Module {
  conv1 = new Conv2d(256, 256, 3, conv3);
  bn1 = new BatchNorm2d(256);
  conv2 = new Conv2d(256, 256, 3, conv3);
  bn2 = new BatchNorm2d(256);
  forward<N extends number>(x: Tensor<[N, 256, 14, 14]>) {
    const out = this.bn2(this.conv2(relu(this.bn1(this.conv1(x)))));
    return relu(out.add(x));
  }
}

class Stage4First extends Module {
  conv1 = new Conv2d(256, 512, 3, halving);
  bn1 = new BatchNorm2d(512);
  conv2 = new Conv2d(512, 512, 3, conv3);
  bn2 = new BatchNorm2d(512);
  downsample = new Sequential(new Conv2d(256, 512, 1, { stride: 2, bias: false }), new BatchNorm2d(512));
  forward<N extends number>(x: Tensor<[N, 256, 14, 14]>) {
    const out = this.bn2(this.conv2(relu(this.bn1(this.conv1(x)))));
    return relu(out.add(this.downsample(x)));
  }
}

class Stage4Block extends Module {
  conv1 = new Conv2d(512, 512, 3, conv3);
  bn1 = new BatchNorm2d(512);
  conv2 = new Conv2d(512, 512, 3, conv3);
  bn2 = new BatchNorm2d(512);
  forward<N extends number>(x: Tensor<[N, 512, 7, 7]>) {
    const out = this.bn2(this.conv2(relu(this.bn1(this.conv1(x)))));
    return relu(out.add(x));
  }
}

export class ResNet18 extends Module {
  conv1 = new Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
  bn1 = new BatchNorm2d(64);
  maxpool = new MaxPool2d(3, 2, { padding: 1 });
  layer1 = new Sequential(new Stage1Block(), new Stage1Block());
  layer2 = new Sequential(new Stage2First(), new Stage2Block());
  layer3 = new Sequential(new Stage3First(), new Stage3Block());
  layer4 = new Sequential(new Stage4First(), new Stage4Block());
  avgpool = new AdaptiveAvgPool2d(1);
  fc = new Linear(512, 1000);
  forward<N extends number>(x: Tensor<[N, 3, 224, 224]>) {
    const stem = this.maxpool(relu(this.bn1(this.conv1(x))));
    has(stem).shape<[N, 64, 56, 56]>();
    const features = this.layer4(this.layer3(this.layer2(this.layer1(stem))));
    has(features).shape<[number, 512, 7, 7]>(); // modules of one's own widen a generic batch size
    return this.fc(this.avgpool(features).flatten(1));
  }
}
has(new ResNet18()(randn(8, 3, 224, 224))).shape<[number, 1000]>();
// @ts-expect-error: '[8, 3, 32, 32]' is not assignable to '[number, 3, 224, 224]'
new ResNet18()(randn(8, 3, 32, 32));
