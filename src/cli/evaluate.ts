/** `flambeau evaluate`: how good a trained network is on images. */
import { join } from 'node:path';
import { setNumThreads } from '../tensor/backend.ts';
import { openData } from '../train/open-data.ts';
import { evaluationSplit, prepareEvaluation } from '../train/prepare.ts';
import { evaluate, type Evaluation } from '../train/evaluation.ts';
import { MOST_UNREADABLE } from '../train/unreadable.ts';
import { inputOption, loadClassifier, trainingData } from './checkpoint.ts';
import { shown } from '../base/shown.ts';
import { command } from './command.ts';
import { counted, grouped } from './format.ts';
import { copyMistakes, mistakesFolder } from './mistakes.ts';
import { maxPixelsOption, pixelLimit } from './limits.ts';
import { choice, flag, number, text } from './options.ts';
import { classAccuracies, evaluationLines, progressStep, readStep, unreadableLines } from './report.ts';

export const evaluateCommand = command({
  name: 'evaluate',
  summary: 'Measure the accuracy of a trained network.',
  usage: 'evaluate CHECKPOINT [DATA] [options]',
  details: `Evaluates what flambeau train has saved, a .pt file or the folder of a run, on DATA of the same kinds (see flambeau train
--help); without DATA, on what the run was trained on. Where DATA has parts, on test/, else val/, else train/. Images that
the network was trained on are left out, wherever they lie; --split train takes them all. --mistakes copies what it gets
wrong into folders such as cat_as_dog, with a page (index.html) and a table (mistakes.csv); nothing is moved.`,
  arguments: { min: 1, max: 2 },
  options: {
    split: choice(['train', 'valid', 'test'], 'Which part of the data to take.'),
    maxUnreadable: number(
      'PART',
      'Part of the images that may be unreadable; they are named and passed over.',
      { min: 0, max: 1 },
      MOST_UNREADABLE,
    ),
    labels: text('FILE', "Labels that go with an IDX file of images (default: found by the images' name)."),
    maxPixels: maxPixelsOption,
    input: inputOption,
    threads: number('N', 'Threads to compute on (default: one for each processor).', { whole: true, min: 1, max: 64 }),
    workers: number('N', 'Further threads that prepare images (default: one for images of 128×128 and more).', {
      whole: true,
      min: 0,
      max: 256,
    }),
    compile: flag('Run operation by operation instead of in compiled steps.', true),
    mistakes: text('FOLDER', 'Copy the images that it gets wrong there, sorted by what they are taken for.'),
    force: flag('Replace what an earlier evaluation has left in the folder of --mistakes.', false),
    json: flag('Print one line of JSON instead.', false),
  },
  async run({ values, positionals }, terminal) {
    const [checkpoint, named] = positionals as [string, string | undefined];
    if (values.json) terminal.onlyJson();
    if (values.threads !== undefined) setNumThreads(values.threads);
    const classifier = loadClassifier(checkpoint, values.input);
    const makeFolder = values.mistakes === undefined ? undefined : mistakesFolder(values.mistakes, values.force);
    const source = await openData(named ?? trainingData(checkpoint), values.labels, pixelLimit(values));
    // Data without parts is what a training takes its images from.
    const asked = values.split === 'train' && !source.splits.has('train') ? 'all' : values.split;
    const split = asked ?? evaluationSplit(source);
    // What has a part for testing is measured on all of that, as its makers meant it.
    const leaveOut = values.split === undefined && (split === 'all' || split === 'train');
    const part = await prepareEvaluation(source, split, classifier, {
      workers: values.workers,
      maxUnreadable: values.maxUnreadable,
      leaveOut,
      onRead: (part, done, total) => terminal.progress(readStep(part, done, total)),
    });
    const { batches, count, trainedOn, unreadable } = part;
    const result = await evaluate(classifier.network, batches, {
      compile: values.compile,
      onProgress: (progress) => terminal.progress({ ...progressStep(progress), label: 'Evaluating' }),
    });
    terminal.done();
    const where = source.place === '' ? source.kind : source.place;
    const images = leaveOut && trainedOn > 0 ? counted(count, 'held-out image') : counted(count, 'image');
    const on = `${images} of ${shown(where)}${split === 'all' ? '' : ` (${split})`}`;
    const mistakes = values.mistakes;
    if (mistakes !== undefined) {
      makeFolder!();
      copyMistakes(mistakes, {
        evaluation: result,
        part,
        classes: classifier.classes,
        title: `Mistakes of ${checkpoint}`,
        measured: `${counted(result.total - result.correct, 'mistake')} in ${on}.`,
        onCopy: (done, total) => terminal.progress({ label: 'Copying', done, total, details: [`${grouped(done)}/${grouped(total)}`] }),
      });
      terminal.done();
    }
    if (values.json) {
      terminal.json({ ...measured(result, classifier.classes), checkpoint, split, heldOut: leaveOut && trainedOn > 0, trainedOn, unreadable, ...(mistakes === undefined ? {} : { mistakes }) }); // prettier-ignore
      return 0;
    }
    terminal.line(`${shown(checkpoint)} on ${on}`);
    if (trainedOn > 0 && leaveOut) terminal.line(`(${counted(trainedOn, 'image')} that it was trained on are left out)`);
    else if (trainedOn > 0) terminal.line(`Note: it was trained on ${grouped(trainedOn)} of these images, so this says less about others.`);
    if (unreadable.length > 0)
      terminal.line(
        unreadableLines(unreadable)
          .map((line) => line.slice(2))
          .join('\n'),
      );
    terminal.line(['', ...evaluationLines('Test', result, classifier.classes)].join('\n'));
    if (mistakes !== undefined) terminal.line(`\nThe mistakes: ${shown(join(mistakes, 'index.html'))}`);
    return 0;
  },
});

function measured(result: Evaluation, classes: readonly string[]): object {
  const { loss, accuracy, correct, total, top5, calibrationError, confusion } = result;
  return { loss, accuracy, correct, total, accuracyByClass: classAccuracies(result, classes), top5, calibrationError, confusion };
}
