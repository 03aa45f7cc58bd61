/**
 * Training and measuring classifiers, in Node and in browsers: the loop of PyTorch's tutorials as a class, evaluation with counts for each class, and a test for the
 * learning rate. On a page the loop lets others have their turn by itself; in a worker it does not touch the page at all.
 */
import '../tensor/tensor.ts'; // registers the class

export { ClassCounts, type CalibrationBin, type ClassResult, type Evaluation, type Predictions } from './class-counts.ts';
export { evaluate, type Criterion, type EvaluateOptions, type TrainableModel } from './evaluation.ts';
export {
  ImageClassifier,
  loadClassifier,
  type ClassGuess,
  type ClassifierFile,
  type ClassifierImage,
  type ClassifyOptions,
  type LoadClassifierOptions,
} from './image-classifier.ts';
export { findLearningRate, type LearningRateOptions, type LearningRateResult, type LearningRateStep } from './learning-rate.ts';
export type { BatchSource, Progress } from './progress.ts';
export type { Steppable } from './steps.ts';
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
} from './trainer.ts';
export { trainInWorker, type TrainingPort, type TrainInWorkerOptions, type WorkerBest, type WorkerResult } from './worker/call.ts';
export { callInWorker, serveFunctions, type CallInWorkerOptions, type WorkerFunctions } from './worker/functions.ts';
export { packTensors, unpackTensors } from './worker/postable.ts';
export { serveTraining, type TrainingMaker, type WorkerTraining } from './worker/serve.ts';
