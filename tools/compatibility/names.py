"""Writes the names that PyTorch documents, by module, for docs/compatibility.md:

    .venv/bin/python tools/compatibility/names.py > test/fixtures/pytorch-names.json
"""

import importlib
import inspect
import json
import re
import types
import warnings

import torch

warnings.filterwarnings('ignore')

MODULES = [
    'torch', 'torch.Tensor', 'torch.nn', 'torch.nn.Module', 'torch.nn.functional', 'torch.nn.init', 'torch.nn.utils',
    'torch.nn.utils.parametrizations', 'torch.nn.utils.parametrize', 'torch.nn.utils.prune', 'torch.nn.utils.rnn', 'torch.optim',
    'torch.optim.lr_scheduler', 'torch.optim.swa_utils', 'torch.autograd', 'torch.autograd.functional', 'torch.utils.data',
    'torch.utils.checkpoint', 'torch.linalg', 'torch.special', 'torch.cuda', 'torch.fft', 'torch.func', 'torch.amp', 'torch.distributions',
]  # fmt: skip

# What is there and is no part of what a program writes: helpers that Python shows because they are imported or not hidden.
NOISE = re.compile(
    r'_copy$|^(cudnn|mkldnn|miopen|native|fbgemm|quantized|q_|sym_|batch_norm_|embedding_renorm|choose_qparams|fake_quantize|fused_moving)'
    r'|^(Any|Callable|Iterable|Optional|ABC|abstractmethod|numbers|torch|Tensor|math|np|warnings|importlib|dataclasses|TYPE_CHECKING|Literal|ParamSpec|TypeVar|boolean_dispatch|handle_torch_function|has_torch_function.*)$'
    r'|Storage$|Type$|^Script|^BroadcastingList|_notes$'
)


# Classes that are written like functions.
SCOPES = {'no_grad', 'enable_grad', 'set_grad_enabled', 'inference_mode', 'detect_anomaly', 'set_detect_anomaly', 'autocast', 'device'}


def member(owner, name):
    try:
        return inspect.getattr_static(owner, name)
    except AttributeError:
        return None


def documented(owner, name):
    """Whether the name has a text of its own that shows how it is called, or is a class."""
    value = getattr(owner, name, None)
    if isinstance(value, (types.ModuleType, type(None))):
        return False
    text = getattr(value, '__doc__', None) or ''
    if isinstance(value, type):
        return name[0].isupper() or name in SCOPES
    if callable(value):
        return bool(text.strip()) and not text.startswith('partial(')
    return isinstance(member(owner, name), (property, types.GetSetDescriptorType))


def names(module):
    if module == 'torch.Tensor':
        owner = torch.Tensor
    elif module == 'torch.nn.Module':
        owner = torch.nn.Module
    else:
        owner = importlib.import_module(module)
    listed = dir(owner) if module in ('torch', 'torch.nn.functional', 'torch.nn.Module', 'torch.Tensor', 'torch.nn.init') else getattr(owner, '__all__', dir(owner))
    found = sorted({n for n in listed if not n.startswith('_') and not NOISE.search(n) and documented(owner, n)})
    if module == 'torch':
        # Classes of torch itself are the compiler's; users write these.
        found = [n for n in found if n[0].islower() or n in ('Size', 'Generator') or n.endswith('Tensor')]
    return found


print(json.dumps({'version': torch.__version__.split('+')[0], 'modules': {m: names(m) for m in MODULES}}, indent=1))
