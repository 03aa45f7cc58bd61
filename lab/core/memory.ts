/** What a training takes of memory, about: weights with what the optimizer keeps of them, and what the backward pass needs of a batch. */
import type { BlockShape, Checked } from './shapes.ts';
import type { TrainingSpec } from './spec.ts';

const FLOAT = 4;
/** Numbers kept for each weight besides itself and its gradient. */
const kept = ({ optimizer, momentum }: TrainingSpec): number => (optimizer === 'sgd' ? (momentum === 0 ? 0 : 1) : 2);

const numbersOf = (blocks: readonly BlockShape[]): number =>
  blocks.reduce((sum, { output, inner }) => sum + (output ?? []).reduce((a, b) => a * b, 1) + numbersOf(inner), 0);

/** Bytes: of the weights' part, and of a batch with its gradients. */
export function memoryOf({ parameters, blocks }: Checked, training: TrainingSpec): { readonly weights: number; readonly batch: number } {
  return {
    weights: parameters * FLOAT * (2 + kept(training)),
    batch: numbersOf(blocks) * FLOAT * 2 * training.batchSize,
  };
}

export function bytesText(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toPrecision(bytes < 1e8 ? 2 : 3)} MB`;
  return `${(bytes / 1e9).toPrecision(2)} GB`;
}
