/** The networks that torchvision does not have, as classes of torch.nn with the same state-dict keys. */
import type { ImageSpec, ModelName } from '../models.ts';
import type { TorchvisionName } from '../networks.ts';

/** The class, and the expression that makes the network. */
interface PythonNetwork {
  readonly code: string;
  readonly make: string;
}

type OwnName = Exclude<ModelName, TorchvisionName>;

const cnn = ({ channels, height, width, classes }: ImageSpec): PythonNetwork => ({
  make: 'Net()',
  code: `
class Net(nn.Module):
    """Three convolutions, each followed by ReLU and 2x2 pooling, then two linear layers."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(${channels}, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(64 * ${Math.floor(height / 8)} * ${Math.floor(width / 8)}, 500)
        self.fc2 = nn.Linear(500, ${classes})
        self.dropout = nn.Dropout(0.25)

    def forward(self, x):
        x = self.pool(self.conv1(x).relu())
        x = self.pool(self.conv2(x).relu())
        x = self.pool(self.conv3(x).relu())
        x = self.dropout(x.flatten(1))
        x = self.dropout(self.fc1(x).relu())
        return self.fc2(x)
`,
});

const quarter = (side: number): number => Math.ceil(Math.ceil(side / 2) / 2);

const small = ({ channels, height, width, classes }: ImageSpec): PythonNetwork => ({
  make: 'SmallNet()',
  code: `
class SmallNet(nn.Module):
    """Two convolutions that halve the image by their stride, and one linear layer."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(${channels}, 16, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.fc = nn.Linear(32 * ${quarter(height)} * ${quarter(width)}, ${classes})

    def forward(self, x):
        x = self.conv1(x).relu()
        x = self.conv2(x).relu()
        return self.fc(x.flatten(1))
`,
});

const fast = ({ channels, classes }: ImageSpec): PythonNetwork => ({
  make: 'FastNet()',
  code: `
def gelu(x):
    return x * torch.sigmoid(1.702 * x)


class FastGroup(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs, momentum=0.4, eps=1e-12)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs, momentum=0.4, eps=1e-12)

    def forward(self, x):
        x = gelu(self.norm1(nn.functional.max_pool2d(self.conv1(x), 2)))
        return gelu(self.norm2(self.conv2(x)))


class FastNet(nn.Module):
    """The network of the CIFAR-10 speed records: a whitening layer, and three groups of two convolutions."""

    def __init__(self):
        super().__init__()
        self.whiten = nn.Conv2d(${channels}, ${8 * channels}, 2)
        self.groups = nn.Sequential(FastGroup(${8 * channels}, 64), FastGroup(64, 128), FastGroup(128, 256))
        self.head = nn.Linear(256, ${classes}, bias=False)

    def forward(self, x):
        x = self.groups(gelu(self.whiten(x)))
        return self.head(nn.functional.adaptive_max_pool2d(x, 1).flatten(1)) / 9
`,
});

/** What EfficientNet-Lite of any size is made of. */
const LITE_BLOCKS = `
def rounded(channels):
    """The multiple of 8 that is nearest, and not more than a tenth below."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


def padding(size, kernel, stride):
    """TensorFlow's "same": as a layer before the convolution where the sides differ, else the convolution's own."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    before, after = total // 2, total - total // 2
    if before == after:
        return nn.Identity(), before
    return nn.ZeroPad2d((before, after, before, after)), 0


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class MBConvBlock(nn.Module):
    """Channels expanded, filtered one by one, and reduced again, beside a shortcut where sizes allow it."""

    def __init__(self, expand, kernel, stride, inputs, outputs, size):
        super().__init__()
        hidden = inputs * expand
        if expand != 1:
            self._expand_conv = nn.Conv2d(inputs, hidden, 1, bias=False)
            self._bn0 = norm(hidden)
        self._pad, own = padding(size, kernel, stride)
        self._depthwise_conv = nn.Conv2d(hidden, hidden, kernel, stride, own, groups=hidden, bias=False)
        self._bn1 = norm(hidden)
        self._project_conv = nn.Conv2d(hidden, outputs, 1, bias=False)
        self._bn2 = norm(outputs)
        self._swish = nn.ReLU6()
        self.expands, self.shortcut = expand != 1, stride == 1 and inputs == outputs

    def forward(self, x):
        y = self._swish(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self._swish(self._bn1(self._depthwise_conv(self._pad(y))))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y`;

/** EfficientNet-Lite by width, depth and the side that its convolutions are padded for. */
const lite = (width: number, depth: number, side: number) => (): PythonNetwork => ({
  make: 'EfficientNetLite(len(CLASSES))',
  code: `${LITE_BLOCKS}


class EfficientNetLite(nn.Module):
    """EfficientNet without squeeze and excitation, with ReLU6; keys as in the package efficientnet-lite-pytorch."""

    # How much a block expands channels, kernel, stride, input and output channels, number of blocks.
    STAGES = [
        (1, 3, 1, 32, 16, 1),
        (6, 3, 2, 16, 24, 2),
        (6, 5, 2, 24, 40, 2),
        (6, 3, 2, 40, 80, 3),
        (6, 5, 1, 80, 112, 3),
        (6, 5, 2, 112, 192, 4),
        (6, 3, 1, 192, 320, 1),
    ]
    WIDTH, DEPTH, SIDE = ${width}, ${depth}, ${side}

    def __init__(self, classes):
        super().__init__()
        self._pad, own = padding(self.SIDE, 3, 2)
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, own, bias=False)
        self._bn0 = norm(32)
        self._blocks = nn.ModuleList()
        size = -(-self.SIDE // 2)
        for stage, (expand, kernel, stride, inputs, outputs, repeats) in enumerate(self.STAGES):
            is_end = stage in (0, len(self.STAGES) - 1)
            first = inputs if stage == 0 else rounded(inputs * self.WIDTH)
            last = rounded(outputs * self.WIDTH)
            for block in range(repeats if is_end else -int(-repeats * self.DEPTH // 1)):
                step = stride if block == 0 else 1
                self._blocks.append(MBConvBlock(expand, kernel, step, first if block == 0 else last, last, size))
                size = -(-size // step)
        self._conv_head = nn.Conv2d(last, 1280, 1, bias=False)
        self._bn1 = norm(1280)
        self._avg_pooling = nn.AdaptiveAvgPool2d(1)
        self._dropout = nn.Dropout(0.2)
        self._fc = nn.Linear(1280, classes)
        self._swish = nn.ReLU6()

    def forward(self, x):
        x = self._swish(self._bn0(self._conv_stem(self._pad(x))))
        for block in self._blocks:
            x = block(x)
        x = self._swish(self._bn1(self._conv_head(x)))
        return self._fc(self._dropout(self._avg_pooling(x).flatten(1)))
`,
});

/** By name. */
export const PYTHON_NETWORKS: { readonly [K in OwnName]: (spec: ImageSpec) => PythonNetwork } = {
  cnn,
  small,
  fast,
  efficientnet_lite0: lite(1, 1, 224),
  efficientnet_lite1: lite(1, 1.1, 240),
  efficientnet_lite2: lite(1.1, 1.2, 260),
  efficientnet_lite3: lite(1.2, 1.4, 280),
  efficientnet_lite4: lite(1.4, 1.8, 300),
};
