/** ONNX models: exporting, importing, looking into them. Runs in Node and in browsers; files are in `flambeau/node`. */
import '../tensor/families/index.ts';
import '../tensor/tensor.ts';

export { describeOnnx, type OnnxDescription, type OnnxInitializer, type OnnxValue } from './describe.ts';
export { deserializeOnnx, OnnxUnsupportedError, type DeserializeOnnxOptions } from './import.ts';
export { deserializeOnnxAsync, type DeserializeOnnxAsyncOptions } from './import-async.ts';
export type { OnnxModule } from './module.ts';
export { serializeOnnx, type ExportableModel, type OnnxExportOptions } from './export/export.ts';
