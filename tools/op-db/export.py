"""Writes the samples of PyTorch's own test database (`op_db`, `module_db`, `optim_db`) for the names on standard input.

    python tools/op-db/export.py FOLDER < names          every sample, a file for each entry
    python tools/op-db/export.py --small FILE < names    a small selection of every entry, one file
    python tools/op-db/export.py --narrow FOLDER < names operations on elements of 8 and 16 bits, a file for each entry

`npm run op-db` calls it in the environment of tools/python-env.sh; test/op-db reads the files.
"""

import json
import os
import sys
import time
import warnings

os.environ.setdefault('OMP_NUM_THREADS', '1')
warnings.filterwarnings('ignore')

import torch  # noqa: E402

import modules  # noqa: E402
import optimizers  # noqa: E402
from encode import Container  # noqa: E402
from operations import NARROW, Exporter  # noqa: E402
from selection import selected  # noqa: E402


def groups(names, box, narrow=False):
    """All wanted entries of the three databases with their samples, whose tensors are in `box`; with `narrow` operations on elements of 8 and 16 bits."""
    if narrow:
        exporter = Exporter(names, NARROW)
        yield from ((name, cases) for name, cases in exporter.groups(box) if cases)
        return
    exporter = Exporter(names)
    for source in (exporter.groups(box), modules.groups(box, names), optimizers.groups(box, names)):
        for name, cases in source:
            if cases:
                yield name, cases
    print(f'op-db: {exporter.left_out} samples left out: of other dtypes, too large, or not for this machine')


def main():
    torch.set_num_threads(1)
    names = set(json.load(sys.stdin))
    everything = Container()
    started, count = time.time(), 0
    small, narrow = sys.argv[1] == '--small', sys.argv[1] == '--narrow'
    together = Container()
    for name, cases in groups(names, everything, narrow):
        box = together if small else Container()
        chosen = selected(cases, everything) if small else cases
        count += len(chosen)
        box.groups.append({'name': name, 'cases': box.copied(chosen, everything)})
        if not small:
            box.write(os.path.join(sys.argv[-1], name.replace(':', '-') + '.bin.gz'))
    if small:
        together.write(sys.argv[2])
    print(f'op-db: {count} samples of PyTorch {torch.__version__} in {time.time() - started:.0f} s')


main()
