/** Reading the classifiers that `flambeau train` saves. */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ArgumentError } from '../base/errors.ts';
import { load } from '../io/checkpoint-node.ts';
import { unpackClassifier, type TrainedClassifier } from '../train/classifier.ts';
import { sizes, UsageError } from './options.ts';
import { runAt, RUNS } from './run-folder.ts';

/** `--input`, for files that hold weights only. */
export const inputOption = sizes('3,32,32', 'Channels, height and width of the images; for checkpoints that hold weights only.', [3]);

/**
 * The file of a network: itself, the best one in the folder of a run, or that of the run in `runs/` with this name.
 * @throws ArgumentError for a folder in which there is none, and for a name of nothing
 */
export function checkpointFile(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    if (basename(path) !== path) return path; // reading it says what is wrong
    const { best } = runAt(join(RUNS, path));
    if (isFile(best)) return best;
    throw new ArgumentError(`cannot read ${JSON.stringify(path)}: there is no such file, and no run of this name in ${RUNS}/${runNames()}`);
  }
  if (!stat.isDirectory()) return path;
  const { best } = runAt(path);
  if (isFile(best)) return best;
  throw new ArgumentError(
    `${JSON.stringify(path)} is a folder without a best.pt; expected a checkpoint, or the folder of a run of flambeau train`,
  );
}

/** The network that a word of the command line means: a run by its folder or name, or a checkpoint by its ending; undefined for anything else. */
export function networkAt(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() === true) return /\.(pt|pth|pth\.tar|pt2|ckpt|safetensors|onnx)$/i.test(path) ? path : undefined;
  if (stat === undefined && basename(path) !== path) return undefined;
  const { best } = runAt(stat === undefined ? join(RUNS, path) : path);
  return isFile(best) ? best : undefined;
}

/** The runs that there are, for a message. */
function runNames(): string {
  const names = statSync(RUNS, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(RUNS) : [];
  const runs = names.filter((name) => isFile(join(RUNS, name, 'best.pt')));
  return runs.length === 0 ? '' : `, which has ${runs.slice(0, 8).join(', ')}${runs.length > 8 ? ', …' : ''}`;
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/**
 * The classifier in a file or in the folder of a run.
 * @param input - channels, height and width from the command line, for a bare state dict
 */
export function loadClassifier(path: string, input: readonly number[] | undefined): TrainedClassifier {
  const [channels, height, width] = input ?? [];
  const spec = channels === undefined ? {} : { spec: { channels, height: height!, width: width! } };
  const file = checkpointFile(path);
  if (/\.onnx$/i.test(file))
    throw new ArgumentError(
      `${JSON.stringify(file)} is an ONNX model; expected a checkpoint that flambeau train has saved, or the state dict of a network that it knows`,
    );
  const classifier = unpackClassifier(loaded(file), file, spec);
  if (input !== undefined && classifier.described) {
    const { spec: own } = classifier;
    const fits = own.channels === channels && own.height === height && own.width === width;
    if (!fits) throw new UsageError(`--input: ${path} is for images of ${own.channels}×${own.height}×${own.width}; leave --input out`);
  }
  return classifier;
}

/** What a run leaves to go on from is no classifier, but one lies beside it. */
function loaded(file: string): unknown {
  const value: unknown = load<unknown>(file);
  if (!(value instanceof Map) || value.get('format') !== 'flambeau-run') return value;
  const best = basename(file) === 'last.pt' ? join(dirname(file), 'best.pt') : file.replace(/\.last\.pt$/, '.pt');
  throw new ArgumentError(
    `${JSON.stringify(file)} is what a run goes on from, with flambeau train --resume; its network is ${JSON.stringify(best)}`,
  );
}

/** Where the images lie that a run was begun with, which its last.pt says; undefined for a run on generated pictures, or a file that is of no run. */
export function trainingData(path: string): string | undefined {
  const file = checkpointFile(path);
  const { last } = basename(file) === 'best.pt' ? runAt(dirname(file)) : runAt(file);
  const value: unknown = isFile(last) ? load<unknown>(last) : undefined;
  const data: unknown = value instanceof Map && value.get('format') === 'flambeau-run' ? value.get('data') : undefined;
  return typeof data === 'string' ? data : undefined;
}
