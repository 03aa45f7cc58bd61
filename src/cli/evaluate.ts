/** `flambeau evaluate`: how good a trained network is on images. */
import { setNumThreads } from '../tensor/backend.ts';
import { openData } from '../train/open-data.ts';
import { evaluationSplit, prepareEvaluation } from '../train/prepare.ts';
import { evaluate } from '../train/evaluation.ts';
import { inputOption, loadClassifier } from './checkpoint.ts';
import { shown } from '../base/shown.ts';
import { command } from './command.ts';
import { counted } from './format.ts';
import { choice, flag, number, text } from './options.ts';
import { classAccuracies, evaluationLines, progressStep, readStep } from './report.ts';

export const evaluateCommand = command({
  name: 'evaluate',
  summary: 'Measure the accuracy of a trained network.',
  usage: 'evaluate CHECKPOINT [DATA] [options]',
  details: `Evaluates what flambeau train has saved on DATA of the same kinds (see flambeau train --help); without DATA, on the
generated pictures. Where DATA has parts, on test/, else val/, else train/.`,
  arguments: { min: 1, max: 2 },
  options: {
    split: choice(['train', 'valid', 'test'], 'Which part of the data to take.'),
    labels: text('FILE', "Labels that go with an IDX file of images (default: found by the images' name)."),
    input: inputOption,
    threads: number('N', 'Threads to compute on (default: one for each processor).', { whole: true, min: 1, max: 64 }),
    workers: number('N', 'Further threads that prepare images.', { whole: true, min: 0, max: 256 }, 0),
    compile: flag('Run operation by operation instead of in compiled steps.', true),
    json: flag('Print one line of JSON instead.', false),
  },
  async run({ values, positionals }, terminal) {
    const [checkpoint, path] = positionals as [string, string | undefined];
    if (values.threads !== undefined) setNumThreads(values.threads);
    const classifier = loadClassifier(checkpoint, values.input);
    const source = await openData(path, values.labels);
    const split = values.split ?? evaluationSplit(source);
    const { batches, count } = await prepareEvaluation(source, split, classifier, {
      workers: values.workers,
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
      terminal.json({ loss, accuracy, correct, total, accuracyByClass, checkpoint, split });
      return 0;
    }
    const where = source.place === '' ? source.kind : source.place;
    const part = split === 'all' ? '' : ` (${split})`;
    terminal.line(`${shown(checkpoint)} on ${counted(count, 'image')} of ${shown(where)}${part}`);
    terminal.line(['', ...evaluationLines('Test', result, classifier.classes)].join('\n'));
    return 0;
  },
});
