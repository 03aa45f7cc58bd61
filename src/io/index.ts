/**
 * Files that travel, as bytes: PyTorch's, safetensors, NumPy's. Runs in browsers; `flambeau/node` has the same and files on disk.
 */
export type { FileKind } from './any-file.ts';
export { deserialize, serialize, type CheckpointInput, type LoadOptions, type SerializeOptions } from './checkpoint.ts';
export { isStateDict, type CheckpointValue } from './checkpoint-value.ts';
export { inspectBytes, type FileInfo, type TensorInfo } from './inspect-file.ts';
export { openSafetensors, SafetensorsFile, type OpenSafetensorsOptions } from './open-safetensors.ts';
export { readPt, writePt, type ReadPtOptions, type WritePtOptions } from './pt.ts';
export { OrderedDict, PyFloat, PySize, PyTuple, RawStorage, RawTensor } from './pt-value.ts';
export type { PtDType, PtInput, PtKey, PtValue, RawTensorFields, StorageSource } from './pt-value.ts';
