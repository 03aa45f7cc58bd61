"""How long PyTorch takes for an epoch of examples/cifar10-record: python3 record.py [THREADS] [WIDTHS] [BATCH]

Times training steps of the same network at the same batch size on random images, and says what 50,000 of them would take.
"""
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
widths = [int(w) for w in (sys.argv[2] if len(sys.argv) > 2 else '64,128,256').split(',')]
batch = int(sys.argv[3]) if len(sys.argv) > 3 else 512
torch.set_num_threads(threads)


def norm(channels):
    layer = nn.BatchNorm2d(channels, momentum=0.4, eps=1e-12)
    layer.weight.requires_grad = False
    return layer


class Group(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(a, b, 3, padding=1, bias=False), norm(b)
        self.conv2, self.norm2 = nn.Conv2d(b, b, 3, padding=1, bias=False), norm(b)

    def forward(self, x):
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class RecordNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.groups = nn.Sequential(*(Group(a, b) for a, b in zip([24, *widths], widths)))
        self.head = nn.Linear(widths[-1], 10, bias=False)

    def forward(self, x):
        return self.head(F.max_pool2d(self.groups(F.gelu(self.whiten(x))), 3).flatten(1)) / 9


model = RecordNet()
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-4, momentum=0.85, nesterov=True)
x, y = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
times = []
for step in range(6):
    start = time.perf_counter()
    optimizer.zero_grad()
    F.cross_entropy(model(x), y, label_smoothing=0.2, reduction='sum').backward()
    optimizer.step()
    times.append(time.perf_counter() - start)
median = sorted(times[1:])[2]
print(f'{median:.2f} s a step of {batch}, {median / batch * 50_000:.0f} s an epoch ({threads} threads, torch {torch.__version__})')
