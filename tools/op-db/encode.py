"""How PyTorch's samples are written for test/op-db/container.ts: a gzipped file of

    the length of the JSON text (uint32, little-endian) · the JSON text · zeros up to a multiple of 8 · the tensors' elements

The JSON text is {"torch": version, "groups": [{"name", "cases": [case …]}]}. A value of a case is
    null, a bool, a string, a whole number        as itself
    [ … ], {"tuple": [ … ]}                       a list; a tuple or size
    {"float": 2.5 | "nan" | "inf" | "-inf"}       a Python float, so that 2.0 is told from 2
    {"int": "9007199254740993"}                   a whole number that JSON readers would round
    {"dtype": "float32"}                          one of the dtypes
    {"slice": [start, stop, step]}, {"dots": 1}   Python's slices and ...
    {"dict": {…}}                                 a dictionary with strings as keys
    {"tensor": [dtype, shape, strides or null, offset, first byte, elements, leaf]}
    {"other": "complex(1, 2)"}                    what the library has no word for
Tensors that do not lie contiguously are stored as the piece of memory that they view.
"""

import gzip
import json
import math
import os
import struct

import torch

CODES = {
    torch.float32: 'float32', torch.float64: 'float64', torch.int32: 'int32', torch.int64: 'int64', torch.uint8: 'uint8',
    torch.bool: 'bool', torch.int8: 'int8', torch.int16: 'int16', torch.uint16: 'uint16', torch.float16: 'float16',
    torch.bfloat16: 'bfloat16',
}


class Foreign(Exception):
    """A tensor of a dtype or kind that the library does not have: such samples are left out."""


def known(t):
    return t.dtype in CODES and t.layout == torch.strided and t.device.type == 'cpu' and not t.is_quantized


def memory(t):
    """The bytes of a tensor of one dimension; NumPy has no bfloat16."""
    return (t.contiguous().clone().view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes()


class Container:
    """Collects tensors of any number of groups; equal pieces of memory are stored once."""

    def __init__(self):
        self.groups = []
        self.blob = bytearray()
        self.places = {}

    def _place(self, data):
        place = self.places.get(data)
        if place is None:
            self.blob += b'\0' * (-len(self.blob) % 8)
            place = self.places[data] = len(self.blob)
            self.blob += data
        return place

    def tensor(self, t, leaf=None):
        if not known(t):
            raise Foreign(f'{t.dtype}, {t.layout}')
        leaf = int(t.requires_grad) if leaf is None else leaf
        t = t.detach().resolve_neg()
        strides, offset = None, 0
        if t.is_contiguous():
            stored = t.contiguous().reshape(-1)
        else:
            strides, offset = list(t.stride()), min(t.storage_offset(), 3)
            extent = 1 + sum((n - 1) * s for n, s in zip(t.shape, strides)) if t.numel() else 0
            stored = torch.as_strided(t, (offset + extent,), (1,), t.storage_offset() - offset)
        place = self._place(memory(stored))
        return {'tensor': [CODES[t.dtype], list(t.shape), strides, offset, place, stored.numel(), leaf]}

    def value(self, v):
        if isinstance(v, torch.Tensor):
            return self.tensor(v)
        if v is None or isinstance(v, (bool, str)):
            return v
        if isinstance(v, int):
            return v if abs(v) < 2**53 else {'int': str(v)}
        if isinstance(v, float):
            return {'float': v if math.isfinite(v) else str(v)}
        if isinstance(v, tuple):
            return {'tuple': [self.value(x) for x in v]}
        if isinstance(v, list):
            return [self.value(x) for x in v]
        if isinstance(v, dict) and all(isinstance(k, str) for k in v):
            return {'dict': {k: self.value(x) for k, x in v.items()}}
        if isinstance(v, slice):
            return {'slice': [self.value(v.start), self.value(v.stop), self.value(v.step)]}
        if v is Ellipsis:
            return {'dots': 1}
        if isinstance(v, torch.dtype) and v in CODES:
            return {'dtype': CODES[v]}
        if isinstance(v, torch.device):
            return str(v)
        return {'other': repr(v)[:60]}

    def bytes_of(self, tensor):
        width = getattr(torch, tensor[0]).itemsize
        return bytes(self.blob[tensor[4] : tensor[4] + tensor[5] * width])

    def special(self, part):
        """Whether a stored tensor, as `selection.parts` gives it, has infinities or NaN."""
        if not part[1].startswith('float') or part[6] == 0:
            return False
        data = torch.frombuffer(bytearray(self.bytes_of(part[1:])), dtype=getattr(torch, part[1]))
        return not bool(data.isfinite().all())

    def copied(self, v, source):
        """A value with its tensors, which lie in another container, taken over into this one."""
        if isinstance(v, list):
            return [self.copied(x, source) for x in v]
        if not isinstance(v, dict):
            return v
        if 'tensor' in v:
            t = v['tensor']
            return {'tensor': [*t[:4], self._place(source.bytes_of(t)), *t[5:]]}
        return {k: self.copied(x, source) for k, x in v.items()}

    def write(self, path):
        text = json.dumps({'torch': torch.__version__.split('+')[0], 'groups': self.groups}, separators=(',', ':')).encode()
        head = struct.pack('<I', len(text)) + text
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part = f'{path}.{os.getpid()}.part'
        with open(part, 'wb') as file:
            file.write(gzip.compress(head + b'\0' * (-len(head) % 8) + bytes(self.blob), 9, mtime=0))
        os.replace(part, path)
