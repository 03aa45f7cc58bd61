"""Samples of `module_db`: a module made with given arguments, its state, a call, all gradients and its buffers afterwards."""

import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

from encode import Foreign
from operations import encoded, error_case, flat_outputs, fresh, gradients, known, leaves_of, seed


def module_case(box, info, dtype, sample, training):
    made, given = sample.constructor_input, sample.forward_input
    module = info.module_cls(*made.args, **made.kwargs)
    module = module.to(dtype) if dtype.is_floating_point else module
    module.train(training)
    args, kwargs = fresh(list(given.args)), fresh(given.kwargs)
    case = encoded(box, 'module', dtype, args, kwargs)
    case['made'] = [box.value(list(made.args)), box.value(made.kwargs)]
    case['training'] = training
    case['state'] = box.value(dict(module.state_dict()))
    parameters = dict(module.named_parameters())
    outputs = flat_outputs(module(*args, **kwargs))
    if any(isinstance(t, torch.Tensor) and not known(t) for t in outputs):
        raise Foreign('another dtype')
    inputs = [t for t in [*leaves_of(args), *leaves_of(kwargs)] if t.requires_grad]
    ups, grads = gradients(outputs, [*inputs, *parameters.values()])
    case['out'] = [box.value(t) for t in outputs]
    case['text'] = repr(module)
    if grads is not None:
        case['up'], case['grads'] = box.value(ups), box.value(grads[: len(inputs)])
        case['parameters'] = box.value(dict(zip(parameters, grads[len(inputs) :])))
    case['after'] = box.value(dict(module.named_buffers()))
    return case


def module_error(box, info, sample):
    e = sample.module_error_input
    made, given = e.constructor_input, e.forward_input
    args = list(given.args) if given is not None and sample.error_on is not ModuleErrorEnum.CONSTRUCTION_ERROR else []
    case = error_case(box, torch.float32, args, {}, 'error', sample.error_regex)
    case['made'] = [box.value(list(made.args)), box.value(made.kwargs)]
    return case


def groups(box, names):
    for info in module_db:
        name = info.name
        if name not in names:
            continue
        cases = []
        for dtype in [torch.float32, torch.float64]:
            if dtype not in info.dtypes:
                continue
            for training in (True, False):
                seed(f'{name} {dtype} {training}')
                for s in info.module_inputs_func(info, device='cpu', dtype=dtype, requires_grad=True, training=training):
                    if s.forward_input is None:
                        continue
                    try:
                        cases.append(module_case(box, info, dtype, s, training))
                    except Foreign:
                        pass
        if info.module_error_inputs_func is not None:
            seed(f'{name} errors')
            found = info.module_error_inputs_func(info, device='cpu', dtype=torch.float32, requires_grad=False, training=True)
            for s in found:
                try:
                    cases.append(module_error(box, info, s))
                except Foreign:
                    pass
        yield name, cases
