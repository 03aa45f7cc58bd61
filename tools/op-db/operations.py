"""Samples of `op_db`: calls of one operation with what they give, forward and backward, and calls that must be refused."""

import random

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

from encode import Foreign, known

DTYPES = [torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool]
NARROW = [torch.float16, torch.bfloat16, torch.int8, torch.int16]
MOST_ELEMENTS = 20_000
MOST_NONCONTIGUOUS = 120


def leaves_of(v):
    """The tensors in a value, in the order in which a reader meets them."""
    if isinstance(v, torch.Tensor):
        yield v
    elif isinstance(v, (list, tuple)):
        for x in v:
            yield from leaves_of(x)
    elif isinstance(v, dict):
        for x in v.values():
            yield from leaves_of(x)


def seed(name):
    word = sum((i + 1) * ord(c) for i, c in enumerate(name)) % 2**32
    torch.manual_seed(word)
    np.random.seed(word)
    random.seed(word)


def upstream(t, number):
    """A gradient for an output: multiples of 1/64 in [-1, 1], none of them 0."""
    n = t.numel()
    values = (torch.arange(n, dtype=torch.float64) * 37 + 11 * number + 5) % 64 + 1
    signs = 1 - 2 * ((torch.arange(n) * 5 + number) % 3 == 0).double()
    return (values * signs / 64).to(t.dtype).reshape(t.shape)


def gradients(outputs, inputs):
    """Gradients given to each output (None where it has none) and what every input gets of them."""
    ups = [upstream(t, i) if isinstance(t, torch.Tensor) and t.requires_grad else None for i, t in enumerate(outputs)]
    flowing = [(t, u) for t, u in zip(outputs, ups) if u is not None]
    if not flowing or not inputs:
        return [None] * len(outputs), None
    found = torch.autograd.grad([t for t, _ in flowing], inputs, [u for _, u in flowing], allow_unused=True)
    return ups, list(found)


def flat_outputs(result):
    if isinstance(result, (list, tuple)):
        return [x for r in result for x in flat_outputs(r)]
    return [result]


def fresh(v):
    """The same value with leaves of its own, so that samples do not share history."""
    if isinstance(v, torch.Tensor):
        return v.detach().requires_grad_(v.requires_grad)
    if isinstance(v, (list, tuple)):
        items = [fresh(x) for x in v]
        return type(v)(items) if not hasattr(v, '_fields') and type(v) in (list, tuple) else items
    return {k: fresh(x) for k, x in v.items()} if isinstance(v, dict) else v


def encoded(box, kind, dtype, args, kwargs):
    tensors = [*leaves_of(args), *leaves_of(kwargs)]
    if any(not known(t) for t in tensors) or sum(t.numel() for t in tensors) > MOST_ELEMENTS:
        raise Foreign('another dtype, or too large')
    case = {'kind': kind, 'dtype': str(dtype).removeprefix('torch.'), 'args': box.value(args)}
    if kwargs:
        case['kwargs'] = box.value(kwargs)['dict']
    return case


def undefined(name, x, args):
    """Conversions of what a whole dtype cannot hold: every processor has its own answer."""
    named = {'long': torch.int64, 'int': torch.int32, 'short': torch.int16, 'char': torch.int8, 'byte': torch.uint8}
    wanted = [named[name]] if name in named else [a for a in args if isinstance(a, torch.dtype)]
    if not isinstance(x, torch.Tensor) or not x.dtype.is_floating_point or not wanted or wanted[-1].is_floating_point:
        return False
    return wanted[-1] is not torch.bool and not bool((x.abs() < torch.iinfo(wanted[-1]).max).all())


# Whose gradients at NaN, or in float64, PyTorch's scalar loops give otherwise than its vectors: what few elements get.
VECTORS = {'hardtanh', 'relu6', 'hardsigmoid', 'hardswish', 'elu', 'celu', 'selu', 'hardshrink', 'softshrink'}


def vector_gradients(call, args, kwargs, up):
    """The gradient of an elementwise function as PyTorch's vectors compute it, whatever the number of elements."""
    x = args[0].detach().reshape(-1)
    many = x.repeat(64).requires_grad_()
    (found,) = torch.autograd.grad(call(many, *args[1:], **kwargs), many, up.reshape(-1).repeat(64))
    return [found[: x.numel()].reshape(args[0].shape)]


def sample_case(box, kind, dtype, call, args, kwargs, name=''):
    args, kwargs = fresh(list(args)), fresh(kwargs)
    if name == 'digamma' and bool(((args[0] <= 0) & (args[0] == args[0].trunc())).any()):
        args[0] = args[0].detach()  # at its poles PyTorch's gradient is large, but finite
    case = encoded(box, kind, dtype, args, kwargs)
    inputs = [t for t in [*leaves_of(args), *leaves_of(kwargs)] if t.requires_grad]
    outputs = flat_outputs(call(*args, **kwargs))
    if any(isinstance(t, torch.Tensor) and (not known(t) or t.numel() > 4 * MOST_ELEMENTS) for t in outputs):
        raise Foreign('another dtype, or too large')
    ups, grads = gradients(outputs, inputs)
    if grads is not None and name.removeprefix('nn.functional.') in VECTORS:
        grads = vector_gradients(call, args, kwargs, ups[0])
    case['out'] = [box.value(t) for t in outputs]
    if grads is not None:
        case['up'], case['grads'] = box.value(ups), box.value(grads)
    return case


def error_case(box, dtype, args, kwargs, kind, message):
    case = encoded(box, kind, dtype, list(args), kwargs)
    case['error'] = f'{kind}: {message}'[:160]
    return case


def samples_of(info, dtype):
    grad = dtype.is_floating_point and info.supports_autograd
    for source in (info.reference_inputs, info.sample_inputs):
        try:
            return list(source('cpu', dtype, requires_grad=grad))
        except Exception:  # some entries have no reference inputs for every dtype
            continue
    return []


def in_place(info):
    """The method that writes into its first argument, as a function of a fresh one."""
    method = info.inplace_variant
    return None if method is None else lambda x, *args, **kwargs: method(x.clone(), *args, **kwargs)


def fewer(a):
    return min(a.shape[-2:])


# Results whose vectors have no determined signs, and whose completed bases are any: without either. test/op-db/matrix-table.ts does the same.
INVARIANT = {
    'linalg.svd': lambda r, a: [r[0][..., : fewer(a)].abs(), r[1], r[2][..., : fewer(a), :].abs()],
    'svd': lambda r, a: [r[0][..., : fewer(a)].abs(), r[1], r[2][..., : fewer(a)].abs()],
    'linalg.eigh': lambda r, a: [r[0], r[1].abs()],
    'linalg.qr': lambda r, a: [*([r[0][..., : fewer(a)].abs()] if r[0].numel() > 0 or a.numel() == 0 else []), r[1][..., : fewer(a), :].abs()],
    'linalg.lstsq': lambda r, a: [r[0]],
}


# Arguments of which a triangle is looked at, and symmetric ones: PyTorch's gradients go to the rest as well, or not, as its formulas have it.
GIVEN = {
    'cholesky_solve': lambda f: lambda b, l, upper=False: f(b, l.triu() if upper else l.tril(), upper),
    'cholesky_inverse': lambda f: lambda l, upper=False: f(l.triu() if upper else l.tril(), upper),
    'linalg.pinv': lambda f: lambda a, *args, hermitian=False, **kwargs: f(a + a.mT, *args, hermitian=True, **kwargs) if hermitian else f(a, *args, **kwargs),
}


def invariant(info):
    """An operation without what is not determined of its arguments and its result."""
    if info.name in GIVEN and info.variant_test_name != 'singular':
        return GIVEN[info.name](info.op)
    of = INVARIANT.get(info.name)
    return info.op if of is None else lambda a, *args, **kwargs: of(info.op(a, *args, **kwargs), a)


class Exporter:
    def __init__(self, names, dtypes=DTYPES):
        self.names = names
        self.dtypes = dtypes
        self.left_out = 0

    def add(self, cases, make):
        try:
            cases.append(make())
        except Foreign:
            self.left_out += 1

    def samples(self, box, cases, info, dtype, call, kind):
        seed(f'{info.name} {info.variant_test_name} {dtype}')
        samples = [s for s in samples_of(info, dtype) if not undefined(info.name, s.input, s.args)]
        for s in samples:
            try:
                self.add(cases, lambda: sample_case(box, kind, dtype, call, (s.input, *s.args), s.kwargs, info.name))
            except Exception as e:
                if 'not implemented' in str(e):
                    self.left_out += 1
                elif kind == 'in place':  # such as a result that the first argument cannot hold
                    self.add(cases, lambda: error_case(box, dtype, (s.input, *s.args), s.kwargs, 'error', str(e)))
        step = max(1, len(samples) // MOST_NONCONTIGUOUS)
        for s in samples[::step]:
            if not any(True for _ in leaves_of([s.input, s.args, s.kwargs])):
                continue
            try:
                n = s.noncontiguous()
                self.add(cases, lambda: sample_case(box, f'{kind}, strided', dtype, call, (n.input, *n.args), n.kwargs, info.name))
            except Exception:  # what fails here failed above, or cannot be written through
                self.left_out += 1

    def errors(self, box, cases, info):
        if info.error_inputs_func is None:
            return
        seed(f'{info.name} errors')
        for e in info.error_inputs('cpu'):
            s = e.sample_input
            first = next(leaves_of([s.input, s.args, s.kwargs]), None)
            dtype = torch.float32 if first is None else first.dtype
            try:
                info.op(s.input, *s.args, **s.kwargs)
            except Exception as error:
                self.add(cases, lambda: error_case(box, dtype, (s.input, *s.args), s.kwargs, 'error', str(error)))

    def groups(self, box):
        """Yields (name, cases) of all entries whose name, or name with _ for the form in place, is wanted."""
        for info in op_db:
            name = f'{info.name}:{info.variant_test_name}' if info.variant_test_name else info.name
            if info.name in self.names:
                cases = []
                for dtype in [d for d in self.dtypes if d in info.dtypes]:
                    self.samples(box, cases, info, dtype, invariant(info), 'sample')
                self.errors(box, cases, info)
                yield name, cases
            written = in_place(info)
            if f'{info.name}_' in self.names and written is not None:
                cases = []
                for dtype in [d for d in self.dtypes if d in info.dtypes]:
                    self.samples(box, cases, info, dtype, written, 'in place')
                yield name.replace(info.name, f'{info.name}_'), cases
