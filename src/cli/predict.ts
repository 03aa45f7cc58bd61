/** `flambeau predict`: what a trained network sees in image files. */
import { shown } from '../base/shown.ts';
import { writeFileAtomic } from '../io/bytes/atomic-write.ts';
import { inputOption, loadClassifier, networkAt } from './checkpoint.ts';
import { command } from './command.ts';
import { csvRow } from './csv.ts';
import { counted, grouped, percent } from './format.ts';
import { imageFiles } from './image-files.ts';
import { byOption, maxPixelsOption } from './limits.ts';
import { flag, number, text, UsageError } from './options.ts';
import { forceOption, requireFree } from './output.ts';
import { isFailed, predictions, type Prediction } from './predictions.ts';
import { newestCheckpoint } from './run-folder.ts';
import type { Terminal } from './terminal.ts';

export const predictCommand = command({
  name: 'predict',
  summary: 'Say what is in images: files, folders, archives.',
  usage: 'predict [CHECKPOINT] IMAGE... [options]',
  details: `Prints the classes that a trained network gives to each image (JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, AVIF or HEIC), the most
probable first. CHECKPOINT is as with --checkpoint: a .pt file, or a run by its folder or its name. IMAGE is a file, a folder with all that is in it, a .zip or .tar archive, or a pattern such as
'photos/**/*.jpg' (* ? [a-z] {a,b} **). Images of another size than it was trained on are scaled and cut to the middle.
What cannot be read is named on the error stream, the others go on, and the exit code is 1 then.`,
  arguments: { min: 1, max: Infinity },
  options: {
    checkpoint: text('FILE', 'What flambeau train has saved: a .pt file or the folder of a run (default: the newest run in runs/).'),
    top: number('K', 'How many classes to print for each image.', { whole: true, min: 1 }, 3),
    csv: text('FILE', 'Write a table to this file instead: image, classes and probabilities, error.'),
    json: flag('Print one line of JSON: a list with an entry for each image.', false),
    jsonLines: flag('Print one line of JSON for each image, as it is done.', false),
    force: forceOption,
    input: inputOption,
    maxPixels: maxPixelsOption,
    compile: flag('Run operation by operation instead of in one compiled step.', true),
  },
  async run({ values, positionals }, terminal) {
    const { csv, json, jsonLines, top } = values;
    if ([csv !== undefined, json, jsonLines].filter(Boolean).length > 1)
      throw new UsageError('flambeau predict: --csv, --json and --json-lines are three forms of the same; choose one');
    if (csv !== undefined) requireFree('--csv', csv, values.force);
    // As evaluate, explain and export have it: the network first.
    const first = values.checkpoint === undefined && positionals.length > 1 ? networkAt(positionals[0]!) : undefined;
    const classifier = loadClassifier(values.checkpoint ?? first ?? newestCheckpoint(), values.input);
    const files = await imageFiles(first === undefined ? positionals : positionals.slice(1));
    const kept: Prediction[] = [];
    let failed = 0;
    let done = 0;
    for await (const prediction of predictions(classifier, files, values)) {
      const one = isFailed(prediction) ? { ...prediction, error: byOption(prediction.error) } : cut(prediction, top);
      if (isFailed(one)) {
        failed++;
        terminal.problem(`${shown(one.image)}: ${one.error}`);
      }
      if (jsonLines) terminal.json(one);
      else if (json || csv !== undefined) kept.push(one);
      else if (!isFailed(one)) terminal.line(guessLine(one));
      done++;
      if (done < files.length)
        terminal.progress({ label: 'Predicting', done, total: files.length, details: [`${grouped(done)}/${grouped(files.length)}`] });
    }
    terminal.done();
    if (json) terminal.json(kept);
    if (csv !== undefined) writeTable(csv, kept, Math.min(top, classifier.classes.length), terminal);
    if (failed > 0) terminal.problem(`${counted(failed, 'image')} of ${grouped(files.length)} could not be read`);
    return failed > 0 ? 1 : 0;
  },
});

type Guessed = Exclude<Prediction, { error: string }>;

const cut = ({ image, guesses }: Guessed, top: number): Guessed => ({ image, guesses: guesses.slice(0, top) });

const guessLine = ({ image, guesses }: Guessed): string =>
  `${shown(image)}: ${guesses.map((guess) => `${shown(guess.class)} ${percent(guess.probability)}`).join(', ')}`;

function writeTable(file: string, all: readonly Prediction[], columns: number, terminal: Terminal): void {
  const numbers = Array.from({ length: columns }, (_, i) => (i === 0 ? '' : `_${i + 1}`));
  const head = ['image', ...numbers.flatMap((n) => [`class${n}`, `probability${n}`]), 'error'];
  const rows = all.map((one) => {
    const guesses = isFailed(one) ? [] : one.guesses;
    const cells = numbers.flatMap((_, i) => [guesses[i]?.class, guesses[i]?.probability]);
    return [one.image, ...cells, isFailed(one) ? one.error : undefined];
  });
  writeFileAtomic(file, new TextEncoder().encode([head, ...rows].map(csvRow).join('')));
  terminal.line(`Wrote ${shown(file)}: ${counted(all.length, 'image')}`);
}
