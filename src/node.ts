/**
 * What needs Node: checkpoints and ONNX models as files, and the training loop around data sets from disk.
 *
 * The core is in `flambeau`, images and data sets in `flambeau/vision`.
 */
import { enableNative } from './devices/cpu/native/native.ts';
import { enableWide } from './lower/cpu/wide.ts';
import { enableDebug } from './tensor/debug.ts';
import './nn/families/index.ts';
import './optim/families/optimizer-states.ts';
import './tensor/families/index.ts';
import { enableSweeps } from './tensor/sweep-here.ts';

enableNative();
enableWide();
enableSweeps();
enableDebug();

export * from './inspect/index.ts';
export * from './io/index.ts';
export { load, save, type SaveOptions } from './io/checkpoint-node.ts';
export type { Checkpoint } from './io/checkpoint-value.ts';
export { inspectFile, type Converted, type ConvertOptions } from './io/files-node.ts';
export * from './onnx/index.ts';
export { convertFile } from './onnx/convert-file.ts';
export { exportOnnx, importOnnx } from './onnx/files.ts';
export { nativeReady } from './tensor/backend.ts';
export { checkData, type CheckedPart, type CheckOptions, type DataReport, type Finding, type FindingKind } from './train/check-data.ts';
export { packClassifier, unpackClassifier, type ClassifierInfo, type TrainedClassifier } from './train/classifier.ts';
export { evaluate, type CalibrationBin, type ClassResult, type Criterion, type EvaluateOptions, type Evaluation, type Predictions, type TrainableModel } from './train/evaluation.ts'; // prettier-ignore
export { FastNet } from './train/fast-net.ts';
export { createModel, MODELS, Net, SmallNet, type Classifier, type ImageSpec, type ModelName } from './train/models.ts';
export { findLearningRate, type LearningRateOptions, type LearningRateResult, type LearningRateStep } from './train/learning-rate.ts';
export { openData, type DataSource, type OpenSplit, type PixelLimit, type SplitName } from './train/open-data.ts';
export { prepareData, type PreparedData, type PrepareOptions } from './train/prepare.ts';
export type { Unreadable } from './train/unreadable.ts';
export { preprocess, TUTORIAL_AUGMENTATION, type Augmentation } from './train/preprocess.ts';
export type { BatchSource, Progress } from './train/progress.ts';
export { readInput, type ReadInputOptions } from './train/read-input.ts';
export type { Steppable } from './train/steps.ts';
export {
  Trainer,
  TrainingError,
  type BatchResult,
  type BestEpoch,
  type EarlyStopping,
  type EpochResult,
  type FitResult,
  type Freeze,
  type NonFinite,
  type TrainerCallback,
  type TrainerOptions,
  type TrainingPlace,
} from './train/trainer.ts';
export { saveImage } from './vision/save-image.ts';
