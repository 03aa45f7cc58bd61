"""The rows' networks in PyTorch, as workloads.mjs has them."""
import os
import sys

import torch.nn as nn
import torch.nn.functional as F


def w1():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(2048, 10))


def w2():
    layers = []
    for a, b in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 500), nn.ReLU(), nn.Linear(500, 10))


class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.c2, self.b2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        same = stride == 1 and a == b
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        return F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(x))))) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        blocks, a = [], 64
        for b, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [Block(a, b, stride), Block(b, b, 1)]
            a = b
        self.layers = nn.Sequential(*blocks)
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        return self.fc(self.layers(self.stem(x)).mean((2, 3)))


def efficientnet_lite0():
    """That of the package efficientnet-lite-pytorch, which npm run bench:peers puts into a folder of its own."""
    sys.path.append(os.environ['FLAMBEAU_BENCH_PACKAGES'])
    from efficientnet_lite_pytorch import EfficientNet
    return EfficientNet.from_name('efficientnet-lite0', num_classes=10)


def network(name):
    """A network by the name that rows begin with."""
    own = {'w1': w1, 'w2': w2, 'w3': ResNet18, 'efficientnet_lite0': efficientnet_lite0}
    if name in own:
        return own[name]()
    import torchvision  # only here: it takes a second
    return getattr(torchvision.models, name)(num_classes=10)


def sizes(row):
    """A row of a network as (name, kind, batch, side), None for other rows: w1-train-20, resnet50-train, resnet50-train-224, resnet50-infer."""
    name, kind, rest = (row.split('-') + ['', ''])[:3]
    if kind not in ('train', 'infer'):
        return None
    if name in ('w1', 'w2', 'w3'):
        return name, kind, int(rest), 32
    return (name, kind, 8, int(rest or 64)) if kind == 'train' else (name, kind, 1, 224)


def convolution_step(conv, x, g, part):
    """A step of a convolution's gradients: of its input, its weights, or both after its forward pass."""
    conv.requires_grad_(part != 'bwd-input')
    x.requires_grad_(part != 'bwd-weight')
    y = conv(x)

    def step():
        x.grad = None
        conv.zero_grad()
        (conv(x) if part == 'fwd-bwd' else y).backward(g, retain_graph=part != 'fwd-bwd')
    return step
