"""The PyTorch peer of the benchmarks: reads a row's name and a time budget per line, writes the times of its runs.

Started by peers.mjs, which sets the number of threads and the allocator's environment to what is fastest for PyTorch.
"""
import json
import sys
import time

import torch
import torch.nn as nn

from networks import ResNet18, w1, w2

threads = int(sys.argv[1])
torch.set_num_threads(threads)
torch.manual_seed(0)


def train(model, batch, side=32):
    x, y = torch.randn(batch, 3, side, side), torch.randint(0, 10, (batch,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    criterion = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step


def infer(model, batch, side=32):
    x = torch.randn(batch, 3, side, side)
    model.eval()

    def step():
        with torch.no_grad():
            return model(x)
    return step


def convolution(part):
    x, g, conv = torch.randn(32, 64, 56, 56), torch.randn(32, 64, 56, 56), nn.Conv2d(64, 64, 3, padding=1)
    if part == 'fwd':
        def forward():
            with torch.no_grad():
                conv(x)
        return forward
    conv.requires_grad_(part != 'bwd-input')
    x.requires_grad_(part != 'bwd-weight')
    y = conv(x)

    def step():
        x.grad = None
        conv.zero_grad()
        (conv(x) if part == 'fwd-bwd' else y).backward(g, retain_graph=part != 'fwd-bwd')
    return step


def kernel_loop():
    x = torch.ones(1, 1, 6, 8)
    x[..., 2:6] = 0
    y, conv, lr = x[..., :-1] - x[..., 1:], nn.Conv2d(1, 1, (1, 2), bias=False), 1e-3

    def step():
        loss = (conv(x) - y) ** 2
        conv.zero_grad()
        loss.sum().backward()
        conv.weight.data[:] -= lr * conv.weight.grad
    return step


def make(row):
    name, _, rest = row.partition('-')
    if name in ('w1', 'w2', 'w3'):
        kind, batch = rest.split('-')
        model = {'w1': w1, 'w2': w2, 'w3': ResNet18}[name]()
        return (train if kind == 'train' else infer)(model, int(batch))
    if name == 'w4':
        return convolution(rest[len('conv-'):])
    if name == 'matmul':
        a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
        return lambda: a @ b
    if rest in ('train', 'infer'):
        import torchvision  # only here: it takes a second
        model = getattr(torchvision.models, name)(num_classes=10)
        return train(model, 8, 64) if rest == 'train' else infer(model, 1, 224)
    return kernel_loop()


print(json.dumps({'name': 'pytorch', 'version': torch.__version__}), flush=True)
steps = {}
for line in sys.stdin:
    request = json.loads(line)
    row = request['row']
    if row not in steps:
        steps = {row: make(row)}
        for _ in range(3):
            steps[row]()
    times, end = [], time.perf_counter() + request['seconds']
    while time.perf_counter() < end or len(times) < 2:
        start = time.perf_counter()
        steps[row]()
        times.append((time.perf_counter() - start) * 1e3)
    print(json.dumps(times), flush=True)
