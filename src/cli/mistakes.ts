/** `--mistakes FOLDER`: the images that a network gets wrong, copied and sorted by what they are taken for, with a page and a table. */
import { existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError } from '../base/errors.ts';
import { encodeImage } from '../io/image/encode.ts';
import { kindOf, type ImageFormat } from '../io/image/kind.ts';
import type { Evaluation } from '../train/evaluation.ts';
import type { PreparedEvaluation } from '../train/prepare.ts';
import { mistakesPage, type Mistake } from '../train/report/mistakes-page.ts';
import type { ImageDataset } from '../vision/datasets/index.ts';
import { resize } from '../vision/resize.ts';
import { csvRow } from './csv.ts';
import { isTaken, requireParent } from './output.ts';

const [PAGE, TABLE] = ['index.html', 'mistakes.csv'];

/**
 * Says before the work whether the folder may be used.
 * @returns what makes it, and takes away what an earlier evaluation has left in it
 * @throws ArgumentError when something else is there, or it may not be written to
 */
export function mistakesFolder(path: string, isForced: boolean): () => void {
  requireParent('--mistakes', path);
  const isThere = existsSync(path);
  if (isThere && !lstatSync(path).isDirectory())
    throw new ArgumentError(`--mistakes: expected a folder, but ${JSON.stringify(path)} is a file`);
  if (isTaken(path)) {
    if (!isForced)
      throw new ArgumentError(
        `--mistakes: the folder ${JSON.stringify(path)} is not empty; choose another, or replace what an earlier evaluation has left there with --force`,
      );
    if (!existsSync(join(path, TABLE)))
      throw new ArgumentError(
        `--mistakes: ${JSON.stringify(path)} holds something else than the mistakes of an earlier evaluation; choose another folder`,
      );
  }
  return () => {
    mkdirSync(path, { recursive: true });
    if (isForced) removeCopies(path);
  };
}

/** What the names of copies look like. */
const COPY = /^\d\.\d{4}-/;

/** Takes away the copies of an earlier evaluation, and nothing else. */
function removeCopies(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (!entry.isDirectory() || !entry.name.includes('_as_')) continue;
    const folder = join(path, entry.name);
    for (const name of readdirSync(folder)) if (COPY.test(name)) rmSync(join(folder, name));
    if (readdirSync(folder).length === 0) rmdirSync(folder);
  }
}

export interface MistakesInput {
  readonly evaluation: Evaluation;
  readonly part: PreparedEvaluation;
  readonly classes: readonly string[];
  readonly title: string;
  /** «31 of 400 held-out images». */
  readonly measured: string;
  readonly onCopy: (done: number, total: number) => void;
}

/** Copies the mistakes. @returns how many there are */
export function copyMistakes(path: string, input: MistakesInput): number {
  const { evaluation, part, classes } = input;
  const { labels, guesses, confidences } = evaluation.predictions;
  const wrong = [...labels.keys()].filter((i) => labels[i] !== guesses[i]);
  wrong.sort((a, b) => confidences[b]! - confidences[a]! || a - b);
  const taken = new Set<string>();
  const mistakes = wrong.map((i, done): Mistake => {
    const [actual, predicted, probability] = [classes[labels[i]!]!, classes[guesses[i]!]!, confidences[i]!];
    const row = part.indices[i]!;
    const name = part.name(row);
    const folder = `${fileName(actual)}_as_${fileName(predicted)}`;
    const { bytes, ending, preview } = contents(part.images, row);
    const copy = unused(`${folder}/${probability.toFixed(4)}-${stemOf(name)}`, ending, taken);
    mkdirSync(join(path, folder), { recursive: true });
    writeFileSync(join(path, copy), bytes);
    input.onCopy(done + 1, wrong.length);
    return { name, actual, predicted, probability, copy, preview };
  });
  const rows = mistakes.map((one) => [one.name, one.actual, one.predicted, one.probability, one.copy]);
  writeFileSync(join(path, TABLE), [['image', 'actual', 'predicted', 'probability', 'copy'], ...rows].map(csvRow).join(''));
  writeFileSync(join(path, PAGE), mistakesPage(input.title, input.measured, mistakes));
  return mistakes.length;
}

/** Formats that browsers show. */
const SHOWN: ReadonlySet<ImageFormat> = new Set(['jpeg', 'png', 'gif', 'webp', 'bmp', 'avif']);
/** Longer edge of a preview. */
const PREVIEW = 240;

/** The file as it is; of sets without files a PNG file. */
function contents(images: ImageDataset, row: number): { bytes: Uint8Array; ending: string; preview: string | undefined } {
  const file = images.imageFile(row);
  if (file === undefined) return { bytes: encodeImage(images.image(row)), ending: '.png', preview: undefined };
  const format = kindOf(file)?.format;
  const ending = /\.\w{1,5}$/.exec(images.imageName(row))?.[0] ?? '';
  if (format !== undefined && SHOWN.has(format)) return { bytes: file, ending, preview: undefined };
  const image = images.image(row);
  const scale = Math.min(1, PREVIEW / Math.max(image.width, image.height));
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  const small = encodeImage(resize(image, side(image.width), side(image.height)));
  return { bytes: file, ending, preview: `data:image/png;base64,${Buffer.from(small).toString('base64')}` };
}

/** A part of a file's name that every system takes. */
function fileName(text: string): string {
  const safe = text.replace(/[\p{C}\p{Z}<>:"/\\|?*%#]+/gu, '-').replace(/^[.-]+|[.-]+$/g, '');
  return Array.from(safe).slice(0, 60).join('') || 'class';
}

const stemOf = (name: string): string => fileName(name.slice(name.lastIndexOf('/') + 1).replace(/\.\w{1,5}$/, ''));

/** A name that no other image of this folder has, whether a system tells cases apart or not. */
function unused(stem: string, ending: string, taken: Set<string>): string {
  for (let n = 1; ; n++) {
    const name = `${stem}${n === 1 ? '' : `-${n}`}${ending}`;
    if (taken.has(name.toLowerCase())) continue;
    taken.add(name.toLowerCase());
    return name;
  }
}
