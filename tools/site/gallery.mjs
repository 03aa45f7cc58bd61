/** The gallery: every program of examples/ with what it is, what it prints, and its losses beside PyTorch's. */
import { introduction } from './tutorial-page.mjs';

const W = 520;
const H = 150;

/** Losses as a line, PyTorch's as rings around it. */
function curve(losses, theirs) {
  const finite = losses.filter(Number.isFinite);
  if (finite.length < 4) return '';
  const [low, high] = [Math.min(...finite, ...theirs), Math.max(...finite, ...theirs)];
  const x = (i) => (10 + (i / (losses.length - 1)) * (W - 20)).toFixed(1);
  const y = (v) => (H - 12 - ((v - low) / (high - low || 1)) * (H - 24)).toFixed(1);
  const line = losses.map((v, i) => `${x(i)},${y(v)}`).join(' ');
  const step = Math.ceil(theirs.length / 40);
  const rings = theirs.flatMap((v, i) => (i % step === 0 ? [`<circle cx="${x(i)}" cy="${y(v)}" r="3.5"/>`] : [])).join('');
  return (
    `<figure class="curve"><svg viewBox="0 0 ${W} ${H}" role="img" aria-label="losses, from ${high.toPrecision(4)} to ${low.toPrecision(4)}">` +
    `<g class="theirs">${rings}</g><polyline class="ours" points="${line}"/></svg>` +
    `<figcaption>${losses.length} losses, between ${low.toPrecision(4)} and ${high.toPrecision(4)}: the line is this program's, the rings are PyTorch's of the same program and seed.</figcaption></figure>`
  );
}

/** Where the printing is long, its beginning and its end. */
function shortened(printed, most = 16) {
  const lines = printed
    .trim()
    .split('\n')
    .map((line) => (line.length > 110 ? `${line.slice(0, 107)}…` : line));
  return lines.length <= most ? lines : [...lines.slice(0, most - 4), '…', ...lines.slice(-3)];
}

export function programSection({ file, program, printed, losses, theirs }) {
  const [title] = introduction(program);
  const text = title.replace(/\.$/, '');
  const [name, after] = text.split(': after ');
  return [
    `## ${name}`,
    '',
    `${after === undefined ? '' : `After ${after}. `}\`node tools/example.mjs ${file}\` runs [the program](../../examples/${file}), which prints:`,
    '',
    '```text',
    ...shortened(printed),
    '```',
    '',
    curve(losses, theirs),
    '',
  ];
}

const PICTURES = [
  ['augmented', 'What training sees: pictures of `GeneratedShapes`, flipped and turned at random'],
  ['filters', 'The 16 first filters, 5×5 weights of three colours, after four epochs'],
  ['maps', 'What they find in one picture: their maps, brighter where they answer'],
  ['looks', 'Eight pictures, and where the network looks for its guess (`gradCam`)'],
];

/** @param printed what examples/see.ts prints @param sections of the programs */
export function galleryPage(printed, sections) {
  return [
    '# Examples, and what they show',
    '',
    'All pictures and all that is printed here was made by the programs of `examples/` when this page was made.',
    '',
    '## A network that has learned',
    '',
    '`node tools/example.mjs see.ts FOLDER` trains a small network for a few seconds and saves these pictures ([the program](../../examples/see.ts)):',
    '',
    '```text',
    printed.trim(),
    '```',
    '',
    ...PICTURES.flatMap(([name, words]) => [`${words}:`, '', `![${words.replace(/[`()]/g, '')}](${name}.png)`, '']),
    '## Boxes, masks, points, movements, heat',
    '',
    '`node tools/example.mjs draw.ts FILE.png` ([the program](../../examples/draw.ts)):',
    '',
    '![Two discs with boxes and labels, masks, points; a flow field; heat in viridis and jet](draw.png)',
    '',
    '## The laboratory',
    '',
    '`npm run lab` ([the chapter](../laboratory.md)):',
    '',
    '![Every map of a network and, for one number, the sum that it is](../laboratory.png)',
    '',
    '## CIFAR-10 in a quarter of an hour',
    '',
    '`npm run record:images`, then `npm run record` ([the program](../../examples/cifar10-record/main.ts)): the published speed records on two cores.',
    '',
    '![Test accuracy after each epoch](../record.svg)',
    '',
    'Sixteen public PyTorch programs, line by line, follow:',
    '',
    ...sections.flat(),
  ].join('\n');
}
