"""The onnxruntime peer, inference only: ort_peer.py THREADS wall|processor. A request says which ONNX file is its row's, and the input's sizes."""
import sys

import numpy as np
import onnxruntime as ort

from serve import serve

threads, clock = int(sys.argv[1]), sys.argv[2]
random = np.random.default_rng(0)


def session_step(file, sizes):
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(file, options, providers=['CPUExecutionProvider'])
    feeds = {given.name: random.standard_normal(sizes or given.shape).astype(np.float32) for given in session.get_inputs()}
    return lambda: session.run(None, feeds)


def make(request):
    file = request.get('file')
    return {'': lambda: session_step(file, request.get('input'))} if file else {}


serve('onnxruntime', ort.__version__, threads, clock, make)
