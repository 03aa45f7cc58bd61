/** What the library computes in Node, beside what the laboratory shows. */
import { pictureSets } from '../../lab/core/dataset.ts';
import { SAMPLES, SAMPLES_PER_CLASS } from '../../lab/core/samples.ts';
import { Session, type EpochResult } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING, type TrainingSpec } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

/** The first network on the samples “Shapes”. */
export async function trainedInNode(training: Partial<TrainingSpec> = {}): Promise<EpochResult[]> {
  const { network } = TEMPLATES[0]!;
  const { train, valid } = pictureSets(SAMPLES.shapes.make(SAMPLES_PER_CLASS, 1), network);
  const session = new Session(network, 4, { ...DEFAULT_TRAINING, ...training }, train, valid);
  const results: EpochResult[] = [];
  while (session.epoch < session.training.epochs) {
    const { epoch } = await session.next();
    if (epoch !== undefined) results.push(epoch);
  }
  return results;
}
