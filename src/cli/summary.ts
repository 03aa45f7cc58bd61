/** `flambeau summary`: the layers of a checkpoint's network, or of one that could be trained. */
import { summary } from '../inspect/summary.ts';
import { shown } from '../base/shown.ts';
import { command } from './command.ts';
import { chosenNetwork, networkOptions } from './network.ts';
import { counted } from './format.ts';
import { flag } from './options.ts';

export const summaryCommand = command({
  name: 'summary',
  summary: 'Print the layers of a network, with output shapes and parameters.',
  usage: 'summary [CHECKPOINT] [options]',
  details: `Tabulates the network of a checkpoint or run, or of a --model for images of --input. Weights alone are recognised by
their names.`,
  arguments: { min: 0, max: 1 },
  options: { ...networkOptions, json: flag('Print the table as one line of JSON.', false) },
  async run({ values, given, positionals: [checkpoint] }, terminal) {
    const { network, spec, trained } = chosenNetwork('summary', checkpoint, values, given);
    const table = summary(network, [1, spec.channels, spec.height, spec.width]);
    if (values.json) terminal.json(table);
    else terminal.line(String(table));
    if (trained !== undefined && !values.json)
      terminal.line(
        trained.described
          ? `Classes: ${trained.classes.map(shown).join(', ')}`
          : `The weights are those of ${trained.model} with ${counted(trained.spec.classes, 'class').replace('classs', 'classes')}, whose names are not in the file.`,
      );
    return await Promise.resolve(0);
  },
});
