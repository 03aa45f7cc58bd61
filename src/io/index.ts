/**
 * Files that travel, as bytes: PyTorch's, safetensors, NumPy's. Runs in browsers; `flambeau/node` has the same and files on disk.
 */
import '../tensor/tensor.ts'; // registers the class

export type { ByteInput } from '../base/bytes.ts';
export { FetchError, type FetchFailure } from './bytes/fetch-error.ts';
export type { FileKind } from './any-file.ts';
export { deserialize, serialize } from './checkpoint.ts';
export type { CheckpointInput, CheckpointInputKey, LoadOptions, SerializeOptions } from './checkpoint.ts';
export { isStateDict, type Checkpoint, type CheckpointKey, type CheckpointValue } from './checkpoint-value.ts';
export { inspectBytes, type FileInfo, type TensorInfo } from './inspect-file.ts';
export { openSafetensors, SafetensorsFile, type OpenSafetensorsOptions } from './safetensors/open.ts';
export { Placeholder } from './pt/placeholder.ts';
export { readPt, writePt, type ReadPtOptions, type WritePtOptions } from './pt/pt.ts';
export { OrderedDict, PyFloat, PyFrozenSet, PyGlobal, PyObject, PySize, PyTuple, RawStorage, RawTensor } from './pt/value.ts';
export type { PtDType, PtInput, PtKey, PtScalar, PtValue, RawTensorFields, StorageSource } from './pt/value.ts';
