/** `flambeau summary`: the layers of a checkpoint's network, or of one that could be trained. */
import { summary } from '../inspect/summary.ts';
import { createModel, MODEL_NAMES } from '../train/models.ts';
import { loadClassifier } from './checkpoint.ts';
import { command } from './command.ts';
import { choice, flag, number, sizes, UsageError } from './options.ts';

export const summaryCommand = command({
  name: 'summary',
  summary: 'Print the layers of a network, with output shapes and parameters.',
  usage: 'summary [CHECKPOINT] [options]',
  details: 'Tabulates the network of a checkpoint, or of a --model for images of --input.',
  arguments: { min: 0, max: 1 },
  options: {
    model: choice(MODEL_NAMES, 'Network to tabulate when there is no checkpoint.', 'cnn'),
    input: sizes('3,32,32', 'Channels, height and width of the images (default 3,32,32).', [3]),
    classes: number('N', 'Number of classes when there is no checkpoint.', { whole: true, min: 1 }, 10),
    json: flag('Print the table as one line of JSON.', false),
  },
  async run({ values, given, positionals: [checkpoint] }, terminal) {
    if (checkpoint !== undefined && (given.has('model') || given.has('classes')))
      throw new UsageError(
        'flambeau summary: a checkpoint says itself which network it is; leave out --model and --classes',
      );
    const [channels, height, width] = values.input ?? [3, 32, 32];
    const made = { channels: channels!, height: height!, width: width!, classes: values.classes };
    const trained = checkpoint === undefined ? undefined : loadClassifier(checkpoint, values.input);
    const network = trained?.network ?? createModel(values.model, made);
    const spec = trained?.spec ?? made;
    const table = summary(network, [1, spec.channels, spec.height, spec.width]);
    if (values.json) terminal.json(table);
    else terminal.line(String(table));
    if (trained?.described === true && !values.json) terminal.line(`Classes: ${trained.classes.join(', ')}`);
    return await Promise.resolve(0);
  },
});
