/** `flambeau explain NETWORK PICTURES`: a page, or PNG files, with what the network makes of them. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError, FlambeauError } from '../base/errors.ts';
import { shown } from '../base/shown.ts';
import { bytes } from '../inspect/explain/notation.ts';
import { writeFileAtomic } from '../io/bytes/atomic-write.ts';
import { decodeImage } from '../io/image/decode.ts';
import { encodeImage } from '../io/image/encode.ts';
import type { TrainedClassifier } from '../train/classifier.ts';
import { readInput } from '../train/read-input.ts';
import type { ExplainedPicture } from '../train/report/explain-pictures.ts';
import { counted, grouped } from './format.ts';
import { imageFiles, type ImageFile } from './image-files.ts';
import { byOption, pixelLimit } from './limits.ts';
import { isTaken, requireFree, requireParent } from './output.ts';
import type { Terminal } from './terminal.ts';

export interface ExplainPicturesValues {
  readonly html: string | undefined;
  readonly png: string | undefined;
  readonly top: number;
  readonly force: boolean;
  readonly json: boolean;
  readonly maxPixels: number | undefined;
}

/** More pictures than this make a page that no browser likes. */
const MOST = 100;
/** The page when nothing is said. */
const PAGE = 'explanation.html';

/** Explains pictures. @returns the exit code: 1 when one could not be read */
export async function explainPictures(
  classifier: TrainedClassifier,
  checkpoint: string,
  names: readonly string[],
  values: ExplainPicturesValues,
  terminal: Terminal,
): Promise<number> {
  const page = values.html ?? (values.png === undefined ? PAGE : undefined);
  if (page !== undefined) requireFree('--html', page, values.force);
  if (values.png !== undefined) requireFolder(values.png, values.force);
  const files = await imageFiles(names);
  if (files.length > MOST)
    throw new ArgumentError(`explain: expected up to ${MOST} pictures, but got ${files.length}; flambeau predict takes any number`);
  const { explained, failed } = await readAndExplain(classifier, files, values, terminal);
  const written: string[] = [];
  if (page !== undefined && explained.length > 0) {
    const { explainPage } = await import('../train/report/explain-page.ts');
    const { spec, model } = classifier;
    const lead = `${checkpoint}: ${model}, ${spec.height}×${spec.width} pixels. Bright is what speaks for a class (Grad-CAM).`;
    const text = new TextEncoder().encode(explainPage('What the network sees', lead, explained));
    writeFileAtomic(page, text);
    written.push(page);
    if (!values.json)
      terminal.line(`Wrote ${shown(page)} (${bytes(text.length)}): ${counted(explained.length, 'picture')}; open it in a browser.`);
  }
  if (values.png !== undefined) written.push(...writePictures(values.png, explained));
  if (values.png !== undefined && !values.json)
    terminal.line(`Wrote ${counted(written.length - (page === undefined ? 0 : 1), 'picture')} to ${shown(values.png)}`);
  if (values.json)
    terminal.json({
      files: written,
      pictures: explained.map(({ name, guesses }) => ({
        image: name,
        guesses: guesses.map((one) => ({ class: one.name, probability: one.probability })),
      })),
    });
  if (failed > 0) terminal.problem(`${counted(failed, 'image')} of ${grouped(files.length)} could not be read`);
  return failed > 0 ? 1 : 0;
}

async function readAndExplain(
  classifier: TrainedClassifier,
  files: readonly ImageFile[],
  values: ExplainPicturesValues,
  terminal: Terminal,
): Promise<{ explained: ExplainedPicture[]; failed: number }> {
  const { explainPicture } = await import('../train/report/explain-pictures.ts');
  const mode = classifier.spec.channels === 1 ? 'L' : 'RGB';
  const explained: ExplainedPicture[] = [];
  for (const [done, { name, read }] of files.entries()) {
    if (done > 0) terminal.progress({ label: 'Explaining', done, total: files.length, details: [`${done}/${files.length}`] });
    try {
      const [file, limit] = [read(), pixelLimit(values)];
      const input = await readInput(file, classifier.spec, { name, ...limit });
      const image = await decodeImage(file, { mode, name, orientation: true, ...limit });
      explained.push(explainPicture(classifier, { name, image, input }, Math.min(values.top, classifier.classes.length)));
    } catch (error) {
      if (!(error instanceof FlambeauError)) throw error;
      terminal.problem(`${shown(name)}: ${byOption(error.message)}`);
    }
  }
  terminal.done();
  return { explained, failed: files.length - explained.length };
}

function requireFolder(path: string, isForced: boolean): void {
  requireParent('--png', path);
  if (isTaken(path) && !isForced)
    throw new ArgumentError(
      `--png: ${JSON.stringify(path)} is there already and not empty; choose another folder, or write over files in it with --force`,
    );
}

/** The view and a picture for each class; numbers in front keep names apart. */
function writePictures(folder: string, explained: readonly ExplainedPicture[]): string[] {
  if (!existsSync(folder)) mkdirSync(folder);
  return explained.flatMap(({ name, view, guesses }, i) => {
    const plain = (text: string): string => text.replace(/[^\p{L}\p{N}_-]+/gu, '-').slice(0, 60);
    const stem = `${i + 1}-${plain(name.slice(name.lastIndexOf('/') + 1).replace(/\.\w+$/, ''))}`;
    const all = [
      [`${stem}.png`, view] as const,
      ...guesses.flatMap((guess, rank) =>
        guess.heat === undefined ? [] : [[`${stem}-${rank + 1}-${plain(guess.name)}.png`, guess.heat] as const],
      ),
    ];
    return all.map(([file, picture]) => {
      writeFileAtomic(join(folder, file), encodeImage(picture));
      return join(folder, file);
    });
  });
}
