"""The PyTorch peer of the benchmarks: torch_peer.py THREADS [wall|processor] [SETTING]

Every row has several settings, of which the best counts (serve.py): NCHW or channels_last, an optimizer whose update is one pass, torch.compile, for
inference also with frozen weights, TorchScript and oneDNN's own tensors; with SETTING only that one, with
FLAMBEAU_BENCH_COMPILE=0 all but torch.compile, whose first runs take an hour. Started by peers.mjs, which
sets the allocator's environment to what is fastest for PyTorch.
"""
import os
import sys

import torch
import torch.nn as nn

from networks import convolution_step, network, sizes
from serve import serve

threads = int(sys.argv[1])
clock = sys.argv[2] if len(sys.argv) > 2 else 'wall'
only = sys.argv[3] if len(sys.argv) > 3 else None
torch.set_num_threads(threads)
torch.manual_seed(0)
COMPILES = os.environ.get('FLAMBEAU_BENCH_COMPILE') != '0'
MODERN = hasattr(torch, 'compile')  # older ones have no fused updates on CPUs either


def compiled(fn, **options):
    torch.compiler.reset()
    return torch.compile(fn, dynamic=False, options=options)


def train(make, batch, side, last=False, fused=False, compiler=None):
    layout = torch.channels_last if last else torch.contiguous_format
    model = make().to(memory_format=layout).train()
    x = torch.randn(batch, 3, side, side).contiguous(memory_format=layout)
    y = torch.randint(0, 10, (batch,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **({'fused': True} if fused else {}))
    criterion = nn.CrossEntropyLoss()

    def loss_of(x, y):
        return criterion(model(x), y)
    forward = loss_of if compiler is None else compiled(loss_of, **compiler)

    def step():
        optimizer.zero_grad()
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step


def infer(make, batch, side, last=False, how='eager', compiler=None):
    layout = torch.channels_last if last else torch.contiguous_format
    model = make().to(memory_format=layout).eval()
    x = torch.randn(batch, 3, side, side).contiguous(memory_format=layout)
    if how == 'script':
        with torch.no_grad():
            model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
    elif how == 'onednn':
        from torch.utils import mkldnn
        model, x = mkldnn.to_mkldnn(model), x.to_mkldnn()
    elif how == 'compile':
        model = compiled(model, **(compiler or {}))

    def step():
        with torch.no_grad():
            return model(x)
    return step


def convolution(part, last=False, compiler=None):
    layout = torch.channels_last if last else torch.contiguous_format
    x, g = (torch.randn(32, 64, 56, 56).contiguous(memory_format=layout) for _ in range(2))
    conv = nn.Conv2d(64, 64, 3, padding=1).to(memory_format=layout)
    if part == 'fwd':
        def forward():
            with torch.no_grad():
                conv(x)
        return forward
    return convolution_step(conv, x, g, part)


def product(compiler=None):
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    multiply = torch.matmul if compiler is None else compiled(torch.matmul, **compiler)

    def step():
        with torch.no_grad():
            return multiply(a, b)
    return step


def kernel_loop(compiler=None):
    x = torch.ones(1, 1, 6, 8)
    x[..., 2:6] = 0
    y, conv, lr = x[..., :-1] - x[..., 1:], nn.Conv2d(1, 1, (1, 2), bias=False), 1e-3

    def loss_of(x, y):
        return ((conv(x) - y) ** 2).sum()
    forward = loss_of if compiler is None else compiled(loss_of, **compiler)

    def step():
        loss = forward(x, y)
        conv.zero_grad()
        loss.backward()
        conv.weight.data[:] -= lr * conv.weight.grad
    return step


TRAIN = {'eager': {}, 'channels last': {'last': True}}
INFER = {
    'eager': {}, 'channels last': {'last': True}, 'script': {'how': 'script'}, 'script, channels last': {'how': 'script', 'last': True},
    'onednn': {'how': 'onednn'},
}
ONE = {'eager': {}}
CONV = {'eager': {}, 'channels last': {'last': True}}
if MODERN:
    frozen, wrapped = {'freezing': True}, {'cpp_wrapper': True}
    TRAIN = {
        **{name: {**setting, 'fused': True} for name, setting in TRAIN.items()}, 'plain update': {},
        'compile': {'fused': True, 'compiler': {}}, 'compile, channels last': {'fused': True, 'compiler': {}, 'last': True},
    }
    INFER |= {
        'compile': {'how': 'compile'}, 'compile, frozen': {'how': 'compile', 'compiler': frozen},
        'compile, frozen, channels last': {'how': 'compile', 'compiler': frozen, 'last': True},
    }
    ONE |= {'compile': {'compiler': {}}, 'compile, C++': {'compiler': wrapped}}


def settings(row):
    """(the row's settings, what makes a step with one)"""
    network_sizes = sizes(row)
    if network_sizes is not None:
        name, kind, batch, side = network_sizes
        make = train if kind == 'train' else infer
        return (TRAIN if kind == 'train' else INFER), lambda setting: make(lambda: network(name), batch, side, **setting)
    if row.startswith('w4-conv-'):
        return CONV, lambda setting: convolution(row[len('w4-conv-'):], **setting)
    return ONE, lambda setting: (product if row == 'matmul-1024' else kernel_loop)(**setting)


def make(request):
    if 'input' in request:
        return {}  # somebody's model, which is an ONNX file only
    choices, build = settings(request['row'])
    if not COMPILES:
        choices = {name: setting for name, setting in choices.items() if 'compile' not in name}
    chosen = choices if only is None else {only: choices.get(only, {})}
    return {name: (lambda setting=setting: build(setting)) for name, setting in chosen.items()}


def blas():
    """Whose matrix products this process has loaded."""
    torch.mm(torch.zeros(2, 2), torch.zeros(2, 2))
    try:
        with open('/proc/self/maps') as file:
            maps = file.read()
    except OSError:
        return 'its own'
    return 'OpenBLAS' if 'openblas' in maps else 'MKL' if MODERN or 'mkl' in maps else 'reference BLAS'


if blas() == 'reference BLAS':
    sys.exit("PyTorch with the reference BLAS is 20 times slower than it need be: apt-get install libopenblas0-pthread")
serve('pytorch', torch.__version__, threads, clock, make)
