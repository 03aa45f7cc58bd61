#!/usr/bin/env bash
# Makes .venv, the reference environment: the Python with which fixtures are made and that tests compare with, PyTorch 2.15 and
# its companions as test/fixtures/requirements.txt pins them. Needs Python 3.10 or newer, 6 GB and a few minutes:
#
#     tools/python-env.sh
#
# A .venv that is there is brought up to date; remove it to start afresh.
set -euo pipefail
cd "$(dirname "$0")/.."

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "python-env: needs Python 3.10 or newer" >&2; exit 1; }
[ -x .venv/bin/python ] || python3 -m venv .venv || { echo "python-env: needs Python's venv (Debian: apt-get install python3-venv)" >&2; exit 1; }
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r test/fixtures/requirements.txt
.venv/bin/python -c 'import torch, torchvision, onnx, onnxruntime, safetensors, PIL, numpy; print("python-env: .venv has PyTorch", torch.__version__)'
