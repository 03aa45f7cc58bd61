"""The PyTorch peer of bench/ops.mjs, one thread: answers one line for one line.

{make, turn} prepares a row, whose runs fill `turn` microseconds; {time} runs one turn and answers with {us}, the processor's microseconds of a run.
"""
import json
import sys
import time
import warnings

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(0)
warnings.simplefilter('ignore')
DRAWS = {
    'normal': lambda shape, below: torch.randn(shape),
    'unit': lambda shape, below: torch.rand(shape) * 0.9 + 0.05,
    'signed': lambda shape, below: torch.rand(shape) * 2 - 1,
    'sign': lambda shape, below: (torch.rand(shape) - 0.5).sign(),
    'log': lambda shape, below: torch.randn(shape).log_softmax(-1),
    'fixed': lambda shape, below: torch.full(shape, below),
    'mask': lambda shape, below: torch.rand(shape) > 0.5,
    'whole': lambda shape, below: torch.randint(0, below, shape),
    'rising': lambda shape, below: torch.linspace(-3, 3, shape[0]),
}


def draw(spec):
    if 'layer' in spec:
        return eval(f"torch.nn.{spec['layer']}")
    value = DRAWS[spec['draw']](spec['shape'], spec.get('below'))
    return value.to(getattr(torch, spec['dtype'])) if 'dtype' in spec else value


def first(result):
    return result if isinstance(result, torch.Tensor) else result[0]


def made(row):
    scope = {name: draw(spec) for name, spec in row['inputs'].items()}
    code = compile(row['python'], 'row', 'eval')
    scope |= {'torch': torch, 'F': F}
    if row['leaf'] is None:
        def forward():
            with torch.no_grad():
                return eval(code, scope)
        return forward
    leaf = scope[row['leaf']].requires_grad_()
    g = torch.ones_like(first(eval(code, scope)))

    def step():
        leaf.grad = None
        first(eval(code, scope)).backward(g)
    return step


def processor():
    return time.process_time_ns() / 1e3


def runs_in(step, turn):
    step()
    start, times = processor(), 0
    while times < 1 or (times < 400 and processor() - start < 2 * turn):
        step()
        times += 1
    return max(1, round(times * turn / (processor() - start)))


print(json.dumps({'version': torch.__version__}), flush=True)
step, count = None, 1
for line in sys.stdin:
    request = json.loads(line)
    if 'make' in request:
        try:
            step = made(request['make'])
            count = runs_in(step, request['turn'])
            answer = {}
        except Exception as problem:
            answer = {'error': f'{type(problem).__name__}: {problem}'.split('\n')[0]}
    else:
        start = processor()
        for _ in range(count):
            step()
        answer = {'us': (processor() - start) / count}
    print(json.dumps(answer), flush=True)
