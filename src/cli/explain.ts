/** `flambeau explain`: what each layer of a network does to an image, with the formulas and figures of the tutorials; or what it makes of pictures. */
import { explain } from '../inspect/explain/explanation.ts';
import { writeFileAtomic } from '../io/bytes/atomic-write.ts';
import { shown } from '../base/shown.ts';
import { command } from './command.ts';
import { bytes } from '../inspect/explain/notation.ts';
import { explainPictures } from './explain-pictures.ts';
import { maxPixelsOption } from './limits.ts';
import { chosenNetwork, networkOptions } from './network.ts';
import { dashed, flag, number, text, UsageError } from './options.ts';
import { forceOption, requireFree } from './output.ts';

export const explainCommand = command({
  name: 'explain',
  summary: 'Explain a network layer by layer, or what it sees in pictures.',
  usage: 'explain [CHECKPOINT [IMAGE...]] [options]',
  details: `Works out the formulas for the network of a checkpoint or run, or of a --model for images of --input: output sizes,
parameters, multiply-adds, receptive fields, memory. --html writes a page with figures that any browser shows.
With images (files, folders, archives, patterns, as flambeau predict takes them) the page shows what the network sees in
them instead: its guesses, where it looks for each of them (Grad-CAM), and the maps of its layers.`,
  arguments: { min: 0, max: Infinity },
  options: {
    ...networkOptions,
    html: text('FILE', 'Write a page with figures to this file, instead of text (with images: default explanation.html).'),
    png: text('FOLDER', 'Write pictures of where the network looks in images into this folder.'),
    top: number('K', 'How many classes to explain for each image.', { whole: true, min: 1 }, 3),
    maxPixels: maxPixelsOption,
    force: forceOption,
    json: flag('Print the explanation as one line of JSON.', false),
  },
  async run({ values, given, positionals: [checkpoint, ...images] }, terminal) {
    const { network, spec, trained } = chosenNetwork('explain', checkpoint, values, given);
    if (images.length > 0) return await explainPictures(trained!, checkpoint!, images, values, terminal);
    for (const name of ['png', 'top', 'maxPixels'] as const) {
      if (given.has(name))
        throw new UsageError(`flambeau explain: --${dashed(name)} goes with images: flambeau explain CHECKPOINT IMAGE...`);
    }
    if (values.html !== undefined) requireFree('--html', values.html, values.force);
    const explanation = explain(network, [1, spec.channels, spec.height, spec.width]);
    if (values.html !== undefined) {
      const page = explanation.html();
      writeFileAtomic(values.html, new TextEncoder().encode(page));
      if (!values.json) terminal.line(`Wrote ${shown(values.html)} (${bytes(Buffer.byteLength(page))}); open it in a browser.`);
    }
    if (values.json) terminal.json(explanation);
    else if (values.html === undefined) terminal.line(String(explanation));
    return explanation.error === undefined ? 0 : 1;
  },
});
