/** `flambeau models`: the networks that can be trained. */
import { MODEL_NAMES } from '../train/models.ts';
import { command } from './command.ts';
import { flag } from './options.ts';

export const modelsCommand = command({
  name: 'models',
  summary: 'List the networks that --model takes.',
  usage: 'models',
  details: `cnn, small and fast are for images of any size, the others are torchvision's and take weights that it publishes
(--pretrained FILE).`,
  arguments: { min: 0, max: 0 },
  options: { json: flag('Print one line of JSON instead.', false) },
  async run({ values }, terminal) {
    if (values.json) terminal.json(MODEL_NAMES);
    else terminal.line(MODEL_NAMES.join('\n'));
    return await Promise.resolve(0);
  },
});
