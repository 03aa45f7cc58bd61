/** `flambeau check`: everything that is wrong with the images, before a training finds out. */
import { shown } from '../base/shown.ts';
import { checkData, type CheckedPart, type DataReport, type Finding } from '../train/check-data.ts';
import { MOST_UNREADABLE } from '../train/unreadable.ts';
import { command } from './command.ts';
import { counted, grouped } from './format.ts';
import { byOption, maxPixelsOption, pixelLimit } from './limits.ts';
import { flag, number, text } from './options.ts';
import { readStep } from './report.ts';

const WHOLE = { whole: true, min: 1 } as const;

export const checkCommand = command({
  name: 'check',
  summary: 'List everything that is wrong with a folder or archive of images.',
  usage: 'check DATA [options]',
  details: `Reads all images of DATA (see flambeau train --help) and lists what would stop a training, and what is worth a look:
images that cannot be read, with their real format; the same picture several times, in several classes or in several
parts; images of one colour, tiny ones, wrong endings; classes that a part lacks, that are rare or few. The exit code
is 1 if flambeau train would stop, else 0.`,
  arguments: { min: 1, max: 1 },
  options: {
    maxUnreadable: number('PART', 'Part of the images that may be unreadable.', { min: 0, max: 1 }, MOST_UNREADABLE),
    maxPixels: maxPixelsOption,
    tiny: number('PIXELS', 'Images with a shorter edge are called tiny.', WHOLE, 16),
    most: number('N', 'Names to list of each kind.', WHOLE, 10),
    labels: text('FILE', "Labels that go with an IDX file of images (default: found by the images' name)."),
    json: flag('Print everything as one line of JSON instead.', false),
  },
  async run({ values, positionals: [path] }, terminal) {
    if (values.json) terminal.onlyJson();
    const { maxUnreadable, tiny, labels } = values;
    const report = await checkData(path!, {
      maxUnreadable,
      tiny,
      ...(labels === undefined ? {} : { labels }),
      ...pixelLimit(values),
      onRead: (split, done, total) => terminal.progress(readStep(split, done, total)),
    });
    terminal.done();
    if (values.json) terminal.json(report);
    else terminal.line(lines(report, values.most).join('\n'));
    return report.stops ? 1 : 0;
  },
});

function lines(report: DataReport, most: number): string[] {
  const { place, kind, parts, notes, findings } = report;
  const stopping = findings.filter(({ stops }) => stops);
  const others = findings.filter(({ stops }) => !stops);
  return [
    `Data: ${shown(kind)} ${shown(place)}`,
    ...(parts.length === 0 ? [] : ['', ...table(parts)]),
    ...notes.map((note) => `Note: ${shown(note)}`),
    ...section('What stops a training:', stopping, most),
    ...section('Worth a look:', others, most),
    '',
    verdict(stopping.length, others.length),
  ];
}

function verdict(stopping: number, others: number): string {
  if (stopping > 0) return `Training on this would stop: ${counted(stopping, 'reason')}.`;
  return others > 0 ? 'Training on this works.' : 'Training on this works; nothing is wrong with it.';
}

function section(title: string, findings: readonly Finding[], most: number): string[] {
  if (findings.length === 0) return [];
  return ['', title, ...findings.flatMap((finding) => findingLines(finding, most))];
}

function findingLines({ message, items }: Finding, most: number): string[] {
  const some = items.slice(0, most).map((item) => `      ${shown(byOption(item))}`);
  return [`  ${shown(byOption(message))}`, ...some, ...(items.length > most ? [`      … ${grouped(items.length - most)} more`] : [])];
}

/** Classes that have a line of their own. */
const MOST_CLASSES = 40;

/** A row for each class, a column for each part. */
function table(parts: readonly CheckedPart[]): string[] {
  const classes = [...new Set(parts.flatMap((part) => Object.keys(part.classes)))];
  const head = ['class', ...parts.map(({ name }) => (name === 'all' ? 'images' : name))];
  const rows = classes.slice(0, MOST_CLASSES).map((name) => [shown(name), ...parts.map((part) => grouped(part.classes[name] ?? 0))]);
  if (classes.length > MOST_CLASSES) rows.push([`… ${classes.length - MOST_CLASSES} more`, ...parts.map(() => '')]);
  const all = [head, ...rows, ['in all', ...parts.map(({ images }) => grouped(images))]];
  const widths = head.map((_, c) => Math.max(...all.map((row) => row[c]!.length)));
  return all.map((row) =>
    row
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
}
