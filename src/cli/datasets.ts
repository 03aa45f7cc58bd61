/** `flambeau datasets`: the published data sets that can be trained on, and fetching one. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError } from '../base/errors.ts';
import { shown } from '../base/shown.ts';
import { bytes } from '../inspect/explain/notation.ts';
import { PUBLISHED, PUBLISHED_NAMES, type PublishedName, type PublishedSet } from '../train/published.ts';
import type { DownloadProgress } from '../vision/datasets/index.ts';
import { command } from './command.ts';
import { counted, duration, grouped } from './format.ts';
import { Interrupt } from './interrupt.ts';
import { didYouMean, flag, text, UsageError } from './options.ts';
import type { Step, Terminal } from './terminal.ts';

export const datasetsCommand = command({
  name: 'datasets',
  summary: 'List published data sets, or fetch one.',
  usage: 'datasets [NAME] [options]',
  details: `Lists the data sets that torchvision names; with NAME, says more about one. With --root, fetches it from where torchvision
does into a folder of its own there, goes on where an earlier attempt stopped, and compares checksums; then
flambeau train takes that folder, and torchvision.datasets.NAME takes it as its root.`,
  arguments: { min: 0, max: 1 },
  options: {
    root: text('DIR', 'Fetch the data set into DIR/NAME.'),
    mirror: text('URL', "Address of a folder that has the set's files, to fetch them from there."),
    json: flag('Print one line of JSON instead.', false),
  },
  async run({ values, positionals: [word] }, terminal) {
    if (values.json) terminal.onlyJson();
    const { root, mirror } = values;
    const name = word === undefined ? undefined : known(word);
    if (name === undefined) {
      if (root !== undefined || mirror !== undefined)
        throw new UsageError('flambeau datasets: say which data set to fetch: flambeau datasets NAME --root DIR');
      if (values.json) terminal.json(PUBLISHED_NAMES.map((each) => described(each)));
      else terminal.line(table().join('\n'));
      return 0;
    }
    if (root !== undefined) return await fetchSet(name, root, mirror, values.json, terminal);
    if (mirror !== undefined) throw new UsageError('flambeau datasets: --mirror goes with --root DIR, the folder to fetch into');
    if (values.json) terminal.json(described(name));
    else terminal.line(lines(name).join('\n'));
    return 0;
  },
});

/** A name, in whatever letters. */
function known(word: string): PublishedName {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const found = PUBLISHED_NAMES.find((name) => plain(name) === plain(word));
  if (found !== undefined) return found;
  throw new UsageError(
    `flambeau datasets: there is no '${word}'${didYouMean(word, PUBLISHED_NAMES, '')}; there are ${PUBLISHED_NAMES.join(', ')}`,
  );
}

function described(name: PublishedName): object {
  const { open: _, ...rest } = PUBLISHED[name];
  return { name, ...rest };
}

const size = (megabytes: number): string => bytes(megabytes * 1e6);
const total = ({ images }: PublishedSet): number => Object.values(images).reduce((sum, n) => sum + n, 0);

function table(): string[] {
  const rows = [
    ['Name', 'Images', 'Classes', 'Download', 'Pixels', 'What'],
    ...PUBLISHED_NAMES.map((name) => {
      const set: PublishedSet = PUBLISHED[name];
      return [name, grouped(total(set)), String(set.classes), size(set.megabytes), set.pixels, set.what];
    }),
  ];
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  const isNumber = (c: number): boolean => c >= 1 && c <= 3;
  return rows.map((row) =>
    row
      .map((cell, c) => (isNumber(c) ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
}

const PARTS = { train: 'training', valid: 'validation', test: 'testing', all: 'all uses' } as const;

function lines(name: PublishedName): string[] {
  const set: PublishedSet = PUBLISHED[name];
  const parts = Object.entries(set.images).map(([part, n]) => `${grouped(n)} for ${PARTS[part as keyof typeof PARTS]}`);
  return [
    `${name}: ${set.what}`,
    `  ${parts.join(', ')}; ${grouped(set.classes)} classes; ${set.pixels}`,
    `  Described at ${set.page}`,
    `  Licence: ${set.licence ?? 'not stated there'}`,
    `  To fetch it, about ${size(set.megabytes)}: flambeau datasets ${name} --root data`,
  ];
}

async function fetchSet(
  name: PublishedName,
  root: string,
  mirror: string | undefined,
  isJson: boolean,
  terminal: Terminal,
): Promise<number> {
  const folder = join(root, name);
  makeFolder(folder);
  using interrupt = new Interrupt(() => terminal.problem('Stopping; the same command goes on from here.'));
  const mirrors = mirror === undefined ? {} : { mirrors: [mirror.endsWith('/') ? mirror : `${mirror}/`] };
  const watch = new Watch();
  const options = {
    download: true,
    ...mirrors,
    signal: interrupt.signal,
    onDownload: (now: DownloadProgress) => terminal.progress(watch.step(now)),
  };
  const set: PublishedSet = PUBLISHED[name];
  const counts: number[] = [];
  try {
    for (const open of set.open) counts.push((await open(folder, options)).length);
  } catch (error) {
    terminal.done();
    if (interrupt.code !== 0) return interrupt.code;
    throw error;
  }
  terminal.done();
  if (isJson) terminal.json({ name, folder, images: counts });
  else {
    terminal.line(
      `${name}: ${counted(
        counts.reduce((a, b) => a + b, 0),
        'image',
      )} of ${grouped(set.classes)} classes in ${shown(folder)}`,
    );
    terminal.line(`To train on it: flambeau train ${shown(folder)}`);
  }
  return 0;
}

function makeFolder(folder: string): void {
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw new ArgumentError(`--root: ${JSON.stringify(folder)} is a file; expected a folder, or nothing there yet`);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new ArgumentError(`--root: cannot make the folder ${JSON.stringify(folder)}; choose another place`, {
      cause,
    });
  }
}

/** How fast a file comes. */
class Watch {
  #file = '';
  #begin = 0;
  #first = 0;

  step({ file, done, total: all }: DownloadProgress): Step {
    const now = performance.now();
    if (file !== this.#file) [this.#file, this.#begin, this.#first] = [file, now, done];
    const seconds = (now - this.#begin) / 1000;
    const speed = seconds > 0.5 ? (done - this.#first) / seconds : 0;
    const left = speed > 0 && all !== undefined ? [`${bytes(speed)}/s`, `${duration((all - done) / speed)} left`] : [];
    const how = all === undefined ? bytes(done) : `${bytes(done)} of ${bytes(all)}`;
    return { label: `Fetching ${file}`, done, total: Math.max(all ?? done, 1), details: [how, ...left] };
  }
}
