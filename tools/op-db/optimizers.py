"""Samples of `optim_db`: parameters, the gradients of six steps, and what every step makes of the parameters."""

import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

from operations import seed

STEPS = 6
SHAPES = [(3, 4), (5,), (), (2, 1, 3)]
MATRICES = [(3, 4), (5, 2), (4, 4)]


def optimizer_case(box, info, dtype, kwargs, description):
    g = torch.Generator().manual_seed(7)
    shapes = MATRICES if info.optim_cls.__name__ == 'Muon' else SHAPES
    start = [torch.randn(s, generator=g, dtype=dtype) for s in shapes]
    given = [[torch.randn(s, generator=g, dtype=dtype) for s in shapes] for _ in range(STEPS)]
    parameters = [p.clone().requires_grad_() for p in start]
    # ASGD's way for all tensors together keeps its rates in float32, also of float64.
    ways = {'foreach': False} if info.optim_cls.__name__ == 'ASGD' else {}
    optimizer = info.optim_cls(parameters, **{**kwargs, **ways})
    case = {'kind': 'optimizer', 'dtype': str(dtype).removeprefix('torch.'), 'text': description}
    case['args'] = box.value([start])
    case['kwargs'] = box.value(kwargs)['dict']
    case['given'] = box.value(given)
    after = []
    for grads in given:
        for p, d in zip(parameters, grads):
            p.grad = d.clone()
        optimizer.step()
        after.append([p.detach().clone() for p in parameters])
    case['out'] = box.value(after)
    case['state'] = box.value({str(i): {k: v for k, v in optimizer.state[p].items()} for i, p in enumerate(parameters)})
    return case


def optimizer_error(box, sample):
    given = sample.optimizer_error_input
    case = {'kind': 'error', 'dtype': 'float32', 'error': f'error: {sample.error_regex}'[:160]}
    case['args'], case['kwargs'] = box.value([given.params]), box.value(given.kwargs)['dict']
    return case


def groups(box, names):
    for info in optim_db:
        name = f'optim.{info.optim_cls.__name__}'
        if name not in names:
            continue
        seed(name)
        cases = []
        for dtype in (torch.float32, torch.float64):
            for s in info.optim_inputs_func(device='cpu'):
                flags = [{}] if info.optim_cls is not None else []
                ways = [{'foreach': True}, {'foreach': False}] if 'foreach' in info.supported_impls else []
                for flag in [*flags, *ways]:
                    cases.append(optimizer_case(box, info, dtype, {**s.kwargs, **flag}, s.desc))
        for s in info.optim_error_inputs_func('cpu', torch.float32):
            if s.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR:
                cases.append(optimizer_error(box, s))
        yield name, cases
