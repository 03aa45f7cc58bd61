"""Writes the inference row as an ONNX file, for onnxruntime. Usage: export_onnx.py FILE ROW"""
import inspect
import sys
import warnings

import torch
import torch.nn as nn

from networks import network, sizes

warnings.simplefilter('ignore')
file, row = sys.argv[1:]


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b


if row == 'matmul-1024':
    model, inputs = Product(), (torch.randn(1024, 1024), torch.randn(1024, 1024))
elif row == 'w4-conv-fwd':
    model, inputs = nn.Conv2d(64, 64, 3, padding=1), (torch.randn(32, 64, 56, 56),)
else:
    name, kind, batch, side = sizes(row)
    model, inputs = network(name), (torch.randn(batch, 3, side, side),)
names = [f'x{i}' for i in range(len(inputs))]
options = {'input_names': names}
if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
    options['dynamo'] = False  # the exporter by tracing; the other one needs the package onnxscript
try:
    torch.onnx.export(model.eval(), inputs, file, **options)
except (ImportError, TypeError):  # a PyTorch without the exporter by tracing
    options.pop('dynamo', None)
    torch.onnx.export(model.eval(), inputs, file, **options)
