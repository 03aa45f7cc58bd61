"""Writes the inference workloads as ONNX files into a folder, for onnxruntime. Usage: export_onnx.py FOLDER"""
import sys

import torch
import torch.nn as nn

sys.argv, folder = [sys.argv[0], '1'], sys.argv[1]
sys.stdin = open('/dev/null')  # pytorch.py reads rows from it; here only its networks are wanted
from pytorch import ResNet18, w1, w2  # noqa: E402


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b


def export(name, model, *inputs):
    torch.onnx.export(model.eval(), inputs, f'{folder}/{name}.onnx', input_names=[f'x{i}' for i in range(len(inputs))])


for name, make, batches in (('w1', w1, (20, 128)), ('w2', w2, (20, 128)), ('w3', ResNet18, (1, 32))):
    for batch in batches:
        export(f'{name}-infer-{batch}', make(), torch.randn(batch, 3, 32, 32))
export('w4-conv-fwd', nn.Conv2d(64, 64, 3, padding=1), torch.randn(32, 64, 56, 56))
export('matmul-1024', Product(), torch.randn(1024, 1024), torch.randn(1024, 1024))
