"""The PyTorch peer of bench/gpu.mjs on CUDA: answers one line for one line.

Says first what it runs on. Then {row, setting, seconds} is answered with {times, first} in milliseconds of a step, and {peak: seconds} with {tflops}: the
fastest float32 product. Settings: 'float32' is PyTorch as programs run it without TF32, 'graph' the same step as one CUDA graph, 'tf32' lets the tensor
cores round products to 10 bits. cuDNN always tries its algorithms first (cudnn.benchmark), and SGD is fused.

`gpu.py cpu` answers on the processor, for tests of the bench itself.
"""
import json
import sys
import time

SAMPLE_MS, MOST_STEPS = 30, 100


def say(answer):
    print(json.dumps(answer), flush=True)


try:
    import torch
    import torch.nn as nn

    from networks import ResNet18, convolution_step, w1, w2

    sys.path.pop(0)  # the scripts beside this one are no modules for whatever is imported later

    on_cpu = sys.argv[1:] == ['cpu']
    if not on_cpu and not torch.cuda.is_available():
        raise RuntimeError('this PyTorch sees no CUDA device')
except Exception as problem:
    say({'error': f'{type(problem).__name__}: {problem}'})
    sys.exit(1)

device = 'cpu' if on_cpu else 'cuda'
torch.backends.cudnn.benchmark = True
wait = (lambda: None) if on_cpu else torch.cuda.synchronize


def allow_tf32(allowed):
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def network_named(net):
    own = {'w1': w1, 'w2': w2, 'w3': ResNet18}
    if net in own:
        return own[net]()
    import torchvision  # only here: it takes a second, and may be missing

    return getattr(torchvision.models, net)()


def network(row):
    model = network_named(row['net']).to(device)
    x = torch.randn(row['batch'], 3, row['side'], row['side'], device=device)
    if row['kind'] == 'infer':
        model.eval()
        return torch.no_grad()(lambda: model(x))
    y = torch.randint(0, 10, (row['batch'],), device=device)
    fastest = {} if on_cpu else {'fused': True}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **fastest)
    criterion = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss
    return step


def convolution(row):
    part, channels = row['part'], row['channels']
    x, g = (torch.randn(row['batch'], channels, row['side'], row['side'], device=device) for _ in range(2))
    conv = nn.Conv2d(channels, channels, 3, padding=1).to(device)
    if part == 'fwd':
        return torch.no_grad()(lambda: conv(x))
    return convolution_step(conv, x, g, part)


def kernel_loop():
    x = torch.ones(1, 1, 6, 8, device=device)
    x[..., 2:6] = 0
    y, conv, lr = x[..., :-1] - x[..., 1:], nn.Conv2d(1, 1, (1, 2), bias=False).to(device), 1e-3

    def step():
        conv.zero_grad()
        loss = ((conv(x) - y) ** 2).sum()
        loss.backward()
        conv.weight.data -= lr * conv.weight.grad
        return loss
    return step


def step_of(row):
    kind = row['kind']
    if kind == 'gemm':
        a, b = (torch.randn(row['size'], row['size'], device=device) for _ in range(2))
        return lambda: a @ b
    if kind == 'conv':
        return convolution(row)
    if kind == 'loop':
        return kernel_loop()
    if kind == 'read':
        x = torch.ones(1, device=device)
        return lambda: (x + 1).item()
    return network(row)


def as_graph(row):
    """The step as a CUDA graph: launched as one, without Python between its kernels."""
    if on_cpu or row['kind'] == 'read' or row.get('part', 'fwd') not in ('fwd', 'fwd-bwd'):
        raise RuntimeError('no graph of this')
    step = step_of(row)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = step()
    return lambda: (graph.replay(), kept)


def sample(step, steps):
    """Milliseconds of one of so many steps."""
    wait()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wait()
    return (time.perf_counter() - start) * 1e3 / steps


def timed(entry, seconds):
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        times.append(sample(entry['step'], entry['steps']))
    return times


def warm(row, setting):
    allow_tf32(setting == 'tf32')
    start = time.perf_counter()
    step = as_graph(row) if setting == 'graph' else step_of(row)
    sample(step, 1)
    first = (time.perf_counter() - start) * 1e3
    for _ in range(3):
        ms = sample(step, 1)
    steps = 1 if row['kind'] == 'read' else max(1, min(MOST_STEPS, round(SAMPLE_MS / ms)))
    return {'step': step, 'steps': steps, 'first': first}


def peak(seconds):
    allow_tf32(False)
    best = 0
    for size in (256,) if on_cpu else (4096, 8192):
        entry = warm({'kind': 'gemm', 'size': size}, 'float32')
        best = max(best, 2 * size ** 3 / min(timed(entry, seconds)) / 1e9)
    return {'tflops': best}


entries, current = {}, None


def answer(request):
    global entries, current
    if 'peak' in request:
        return peak(request['peak'])
    row, setting = request['row'], request['setting']
    if row['name'] != current:
        entries, current = {}, row['name']
        if not on_cpu:
            torch.cuda.empty_cache()
    if setting not in entries:
        entries[setting] = warm(row, setting)
    allow_tf32(setting == 'tf32')
    return {'times': timed(entries[setting], request['seconds']), 'first': entries[setting]['first']}


say({'name': 'PyTorch', 'version': torch.__version__, 'device': 'processor' if on_cpu else torch.cuda.get_device_name(0)})
for line in sys.stdin:
    try:
        say(answer(json.loads(line)))
    except Exception as problem:  # out of memory, no torchvision: this row, and not those behind it
        say({'error': f'{type(problem).__name__}: {problem}'.split('\n')[0]})
