/** `flambeau evaluate`: how good a trained network is on images. */
import { setNumThreads } from '../tensor/backend.ts';
import { openData } from '../train/open-data.ts';
import { evaluationSplit, prepareEvaluation } from '../train/prepare.ts';
import { evaluate } from '../train/evaluation.ts';
import { MOST_UNREADABLE } from '../train/unreadable.ts';
import { inputOption, loadClassifier } from './checkpoint.ts';
import { shown } from '../base/shown.ts';
import { command } from './command.ts';
import { counted, grouped } from './format.ts';
import { choice, flag, number, text } from './options.ts';
import { classAccuracies, evaluationLines, progressStep, readStep, unreadableLine } from './report.ts';

export const evaluateCommand = command({
  name: 'evaluate',
  summary: 'Measure the accuracy of a trained network.',
  usage: 'evaluate CHECKPOINT [DATA] [options]',
  details: `Evaluates what flambeau train has saved on DATA of the same kinds (see flambeau train --help); without DATA, on the
generated pictures. Where DATA has parts, on test/, else val/, else train/. Images that the network was trained on are
left out, wherever they lie; --split train takes them all.`,
  arguments: { min: 1, max: 2 },
  options: {
    split: choice(['train', 'valid', 'test'], 'Which part of the data to take.'),
    maxUnreadable: number('PART', 'Part of the images that may be unreadable; they are named and passed over.', { min: 0, max: 1 }, MOST_UNREADABLE), // prettier-ignore
    labels: text('FILE', "Labels that go with an IDX file of images (default: found by the images' name)."),
    input: inputOption,
    threads: number('N', 'Threads to compute on (default: one for each processor).', { whole: true, min: 1, max: 64 }),
    workers: number('N', 'Further threads that prepare images.', { whole: true, min: 0, max: 256 }, 0),
    compile: flag('Run operation by operation instead of in compiled steps.', true),
    json: flag('Print one line of JSON instead.', false),
  },
  async run({ values, positionals }, terminal) {
    const [checkpoint, path] = positionals as [string, string | undefined];
    if (values.json) terminal.onlyJson();
    if (values.threads !== undefined) setNumThreads(values.threads);
    const classifier = loadClassifier(checkpoint, values.input);
    const source = await openData(path, values.labels);
    const split = values.split ?? evaluationSplit(source);
    // What has a part for testing is measured on all of that, as its makers meant it.
    const leaveOut = values.split === undefined && (split === 'all' || split === 'train');
    const { batches, count, trainedOn, unreadable } = await prepareEvaluation(source, split, classifier, {
      workers: values.workers,
      maxUnreadable: values.maxUnreadable,
      leaveOut,
      onRead: (part, done, total) => terminal.progress(readStep(part, done, total)),
    });
    const result = await evaluate(classifier.network, batches, {
      compile: values.compile,
      onProgress: (progress) => terminal.progress({ ...progressStep(progress), label: 'Evaluating' }),
    });
    terminal.done();
    if (values.json) {
      const { loss, accuracy, correct, total } = result;
      const accuracyByClass = classAccuracies(result, classifier.classes);
      const { top5, calibrationError, confusion } = result;
      terminal.json({ loss, accuracy, correct, total, accuracyByClass, checkpoint, split, heldOut: leaveOut && trainedOn > 0, trainedOn, top5, calibrationError, confusion, unreadable }); // prettier-ignore
      return 0;
    }
    const where = source.place === '' ? source.kind : source.place;
    const part = split === 'all' ? '' : ` (${split})`;
    const images = leaveOut && trainedOn > 0 ? counted(count, 'held-out image') : counted(count, 'image');
    terminal.line(`${shown(checkpoint)} on ${images} of ${shown(where)}${part}`);
    if (trainedOn > 0 && leaveOut) terminal.line(`(${counted(trainedOn, 'image')} that it was trained on are left out)`); // prettier-ignore
    else if (trainedOn > 0) terminal.line(`Note: it was trained on ${grouped(trainedOn)} of these images, so this says less about others.`); // prettier-ignore
    if (unreadable.length > 0) terminal.line(unreadableLine(unreadable).trimStart());
    terminal.line(['', ...evaluationLines('Test', result, classifier.classes)].join('\n'));
    return 0;
  },
});
