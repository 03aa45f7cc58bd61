/** `flambeau explain`: what each layer of a network does to an image, with the formulas and figures of the tutorials. */
import { writeFile } from 'node:fs/promises';
import { ArgumentError } from '../base/errors.ts';
import { explain } from '../inspect/explain/explanation.ts';
import { shown } from '../base/shown.ts';
import { command } from './command.ts';
import { bytes } from '../inspect/explain/notation.ts';
import { chosenNetwork, networkOptions } from './network.ts';
import { flag, text } from './options.ts';

export const explainCommand = command({
  name: 'explain',
  summary: 'Explain a network layer by layer: sizes, parameters, receptive fields, with figures.',
  usage: 'explain [CHECKPOINT] [options]',
  details:
    'Works out the formulas for the network of a checkpoint, or of a --model for images of --input: output sizes, parameters,\n' +
    'multiply-adds, receptive fields, memory. --html writes a page with figures that any browser shows.',
  arguments: { min: 0, max: 1 },
  options: {
    ...networkOptions,
    html: text('FILE', 'Write a page with figures to this file, instead of text.'),
    json: flag('Print the explanation as one line of JSON.', false),
  },
  async run({ values, given, positionals: [checkpoint] }, terminal) {
    const { network, spec } = chosenNetwork('explain', checkpoint, values, given);
    const explanation = explain(network, [1, spec.channels, spec.height, spec.width]);
    if (values.html !== undefined) {
      const page = explanation.html();
      await writeFile(values.html, page).catch((error: unknown) => {
        throw new ArgumentError(`explain: cannot write ${values.html!}: ${String(error)}`);
      });
      if (!values.json)
        terminal.line(`Wrote ${shown(values.html)} (${bytes(Buffer.byteLength(page))}); open it in a browser.`);
    }
    if (values.json) terminal.json(explanation);
    else if (values.html === undefined) terminal.line(String(explanation));
    return explanation.error === undefined ? 0 : 1;
  },
});
