/** Runs in a project file: what they are as JSON, and each checkpoint as a `.pt` file, whose `weights` PyTorch loads. */
import { FormatError, type Tensor } from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';
import { packCheckpoint, unpackCheckpoint, type Checkpoint } from './checkpoints.ts';
import { messageOf } from './failure.ts';
import { own, SetupError, type Fields } from './read-setup.ts';
import { readRunFacts, type RunSnapshot } from './run-snapshot.ts';
import type { Weights } from './session.ts';
import { readPictureFacts, type PictureFacts } from './read-pictures.ts';

/** A run in a project. */
export interface ProjectRun {
  readonly snapshot: RunSnapshot;
  /** What it was made of, by ids: pictures of the project as they were then, and some that are no longer among them. */
  readonly pictures: readonly PictureFacts[];
  readonly isShown: boolean;
}

export interface Member {
  readonly name: string;
  readonly data: Uint8Array;
}

/** More cannot be told apart in a list. */
export const MOST_RUNS = 200;
/** Of one run. */
export const MOST_CHECKPOINTS = 101;
/** Bytes of a file with the facts of a run. */
const LARGEST_FACTS = 8 * 2 ** 20;

const stateFile = (weights: Weights): Uint8Array => serialize(new Map(weights));

export function packWeights(name: string, weights: Weights): Member {
  return { name, data: stateFile(weights) };
}

/** @param sameAs the project's own pictures, which are not written again */
export function packRun({ snapshot, pictures, isShown }: ProjectRun, folder: string, sameAs: string): readonly Member[] {
  const { checkpoints, weights, ...facts } = snapshot;
  const members = checkpoints.map((checkpoint): Member => {
    const { weights: of, optimizer } = unpackCheckpoint(checkpoint);
    const { epoch, step, random } = checkpoint;
    const data = serialize({ weights: new Map(of), optimizer: optimizer as Weights, epoch, step, random });
    return { name: `${folder}/epoch-${String(epoch).padStart(5, '0')}.pt`, data };
  });
  const listed = JSON.stringify(pictures);
  const described = {
    ...facts,
    isShown,
    ...(listed === sameAs ? {} : { pictures }),
    checkpoints: members.map(({ name }) => name),
    ...(weights === undefined ? {} : { weights: `${folder}/start.pt` }),
  };
  const description: Member = { name: `${folder}/run.json`, data: new TextEncoder().encode(JSON.stringify(described)) };
  return [description, ...members, ...(weights === undefined ? [] : [packWeights(`${folder}/start.pt`, weights)])];
}

/** Gives the bytes of a member. @throws FormatError where there is none, or a larger one */
export type Reader = (name: string, most: number) => Uint8Array;

/** @throws SetupError, FormatError with what is wrong */
export function unpackRun(read: Reader, folder: string, project: readonly PictureFacts[]): ProjectRun {
  const name = `${folder}/run.json`;
  const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(read(name, LARGEST_FACTS))) as Fields;
  const facts = readRunFacts(value);
  const files = own(value, 'checkpoints');
  if (!Array.isArray(files) || files.length === 0 || files.length > MOST_CHECKPOINTS)
    throw new SetupError(`checkpoints of “${facts.label}”: expected a list of 1 to ${MOST_CHECKPOINTS}`);
  const checkpoints = files.map((file: unknown) => checkpointOf(read, file, facts.label));
  const inOrder = checkpoints.every(({ epoch }, i) => i === 0 || epoch > checkpoints[i - 1]!.epoch);
  if (!inOrder) throw new SetupError(`the checkpoints of “${facts.label}” are not in the order of their epochs`);
  const listed = own(value, 'pictures');
  const start = own(value, 'weights');
  return {
    snapshot: { ...facts, checkpoints, ...(typeof start === 'string' ? { weights: unpackWeights(read, start) } : {}) },
    pictures: listed === undefined ? project : readPictureFacts(listed, facts.classes.length),
    isShown: own(value, 'isShown') === true,
  };
}

/** Weights of so many bytes at most. */
const LARGEST_WEIGHTS = 300 * 2 ** 20;

/** @throws FormatError where it is no file of weights */
export function unpackWeights(read: Reader, name: string): Weights {
  const value: unknown = deserialize(read(name, LARGEST_WEIGHTS));
  if (!isWeights(value)) throw new FormatError(`“${name}” holds no weights by name`);
  return value;
}

const isTensorLike = (value: unknown): value is Tensor =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && 'layout' in value;
const isWeights = (value: unknown): value is Weights =>
  value instanceof Map && value.size > 0 && [...value].every(([name, tensor]) => typeof name === 'string' && isTensorLike(tensor));
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function checkpointOf(read: Reader, file: unknown, label: string): Checkpoint {
  const damaged = (why: string): SetupError => new SetupError(`a checkpoint of “${label}” is damaged (${why})`);
  if (typeof file !== 'string') throw damaged('it has no name');
  let value: unknown;
  try {
    value = deserialize(read(file, 2 * LARGEST_WEIGHTS));
  } catch (error) {
    throw damaged(messageOf(error));
  }
  if (!(value instanceof Map)) throw damaged('it holds something else');
  const [weights, optimizer, epoch, step, random] = ['weights', 'optimizer', 'epoch', 'step', 'random'].map(
    (key) => value.get(key) as unknown,
  );
  if (!isWeights(weights) || !(optimizer instanceof Map) || !isCount(epoch) || !isCount(step) || !(random instanceof Uint8Array))
    throw damaged('something is missing in it');
  const packed = packCheckpoint({ epoch, step, weights, optimizer, random });
  if (packed === undefined) throw damaged('its weights are no numbers');
  return packed;
}
