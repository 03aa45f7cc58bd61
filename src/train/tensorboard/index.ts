/**
 * Event files for TensorBoard: what is in `torch.utils.tensorboard`, and a callback that writes a training. Node only.
 * @see https://pytorch.org/docs/stable/tensorboard.html
 */
export { tensorBoardCallback, type TensorBoardOptions } from './callback.ts';
export type { HParam } from './events.ts';
export type { HistogramBins } from './histogram.ts';
export {
  SummaryWriter,
  type HistogramWriteOptions,
  type HParamsOptions,
  type ImageWriteOptions,
  type ScalarValue,
  type SummaryWriterOptions,
} from './writer.ts';
