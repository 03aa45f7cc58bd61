/** What the See view asks a run's worker for. The worker keeps the picture that was looked at last, with the weights of that moment. */
import type { Tensor } from 'flambeau';
import { normalised, pictureTensor } from '../core/dataset.ts';
import { backwardSum, type BackwardSum } from '../core/look/backward.ts';
import type { Predictions } from '../core/look/confusion.ts';
import { Dream, type DreamPicture, type DreamTarget } from '../core/look/dream.ts';
import { classHeat, coverPlaces, coveredFalls, type Cover, type Heat } from '../core/look/explain-class.ts';
import { forwardSum } from '../core/look/forward.ts';
import { glance, look, type FullLook, type Look, type StageParameters } from '../core/look/look.ts';
import { nearest, setFeatures, type Neighbour } from '../core/look/nearest.ts';
import { receptiveField, type Region } from '../core/look/places.ts';
import type { Sum } from '../core/look/sum.ts';
import { weightSum, type WeightKind } from '../core/look/weights.ts';
import type { Session } from '../core/session.ts';
import type { Part, Picture } from '../core/spec.ts';
import { turn } from './turn.ts';

/** A picture as it is posted. */
export type Pixels = Pick<Picture, 'size' | 'rgb'>;

export interface Looked extends Look {
  /** Of the run, when the picture went through. */
  readonly epoch: number;
  readonly step: number;
}

export interface NumberExplained {
  readonly forward: Sum;
  readonly backward: BackwardSum;
  readonly field: Region;
}

export interface CoveredPart {
  /** Places along a side. */
  readonly places: number;
  readonly falls: Float32Array;
}

export interface Alike extends Neighbour {
  /** Of the picture. */
  readonly id: string;
}

const inputOf = ({ spec }: Session, pixels: Pixels): Tensor => normalised(pictureTensor(pixels, spec).unsqueeze(0));

const dated = ({ stages, label, loss, probabilities, predicted }: Look, { epoch, step }: Session): Looked => ({
  ...{ stages, label, loss, probabilities, predicted },
  ...{ epoch, step },
});

type Hold = <T>(task: () => Promise<T>) => Promise<T>;

async function predictionsOf(session: Session, part: Part, hold: Hold): Promise<Predictions | undefined> {
  const { ids, labels } = session[part];
  if (ids.length === 0) return undefined;
  const measured = await hold(() => session.measureInTurns(part, turn));
  return { ...measured, ids, labels: Array.from(labels.toTypedArray(), Number) };
}

/** @param hold - lets no step be made until a task is done */
export function lookFunctions(current: () => Session, hold: Hold = (task) => task()) {
  let held: { readonly full: FullLook; readonly x: Tensor } | undefined;
  let features: { readonly session: Session; readonly step: number; readonly epoch: number; readonly rows: Tensor } | undefined;
  let dream: Dream | undefined;

  const kept = (): NonNullable<typeof held> => {
    if (held === undefined) throw new Error('no picture has been chosen');
    return held;
  };

  return {
    /** Everything of one picture; numbers of it can be asked for afterwards. */
    look(pixels: Pixels, label: number | undefined): Looked {
      const session = current();
      const x = inputOf(session, pixels);
      held = { full: look(session.network, session.spec.layers, x, label), x };
      return dated(held.full, session);
    },
    /** What comes forward only. */
    glance(pixels: Pixels): Looked {
      const session = current();
      return dated(glance(session.network, session.spec.layers, inputOf(session, pixels)), session);
    },
    explainNumber(stage: number, at: number): NumberExplained {
      const { full } = kept();
      return { forward: forwardSum(full, stage, at), backward: backwardSum(full, stage, at), field: receptiveField(full, stage, at) };
    },
    explainWeight(stage: number, kind: WeightKind, at: number): Sum | undefined {
      return weightSum(kept().full, stage, kind, at);
    },
    /** Weights of a stage and their gradients for the picture; undefined where there are none. */
    weightsOf(stage: number): StageParameters | undefined {
      return kept().full.parameters.get(stage);
    },
    classHeat(target: number): Heat {
      return classHeat(current().network, kept().x, target);
    },
    coveredFalls(target: number, cover: Cover, from: number, to: number): CoveredPart {
      const { x } = kept();
      return { places: coverPlaces(x.size(-1), cover), falls: coveredFalls(current().network, x, target, cover, from, to) };
    },
    /** Begins anew with noise. */
    startDream(target: DreamTarget, seed: number): void {
      const { network, spec } = current();
      dream = new Dream(network, spec, target, seed);
    },
    dreamOn(steps: number): DreamPicture {
      if (dream === undefined) throw new Error('no dream has been started');
      return dream.steps(steps);
    },
    async alike(count: number): Promise<Alike[]> {
      const { x } = kept();
      return hold(async () => {
        const session = current();
        const { network, spec, train, step, epoch } = session;
        if (features?.session !== session || features.step !== step || features.epoch !== epoch)
          features = { session, step, epoch, rows: await setFeatures(network, spec.layers, train.images, turn) };
        return nearest(network, spec.layers, x, features.rows, count).map((one) => ({ ...one, id: train.ids[one.index]! }));
      });
    },
    async predictions(part: Part): Promise<Predictions | undefined> {
      return await predictionsOf(current(), part, hold);
    },
  };
}
