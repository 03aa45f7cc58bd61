/**
 * npm run record -- cifar10-images.tar.gz | tee docs/record.txt; node bench/curve.mjs docs/record.txt [NAME=OTHER…] --out docs/record.svg
 *
 * Draws accuracy against seconds of one or several trainings: a line for each file, of those of its lines that say `… 102 s … accuracy 66.0 %`,
 * as examples/cifar10-record and bench/peers/record.py --train print them. A name before a file and = stands beside its line.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } });
if (positionals.length === 0) throw new Error('usage: node bench/curve.mjs [NAME=]FILE… [--out FILE.svg]');
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 360, 52, 130, 16, 40];
const COLOURS = ['#2563eb', '#d97706', '#059669', '#db2777'];

const curves = positionals.map((given) => {
  const [name, file] = given.includes('=') ? given.split(/=(.*)/s) : ['', given];
  const points = readFileSync(file, 'utf8').split('\n').flatMap(pointOf);
  if (points.length === 0) throw new Error(`${file}: no line says seconds and an accuracy`);
  return { name, points: points.sort((a, b) => a.seconds - b.seconds) };
});
const all = curves.flatMap(({ points }) => points);
const seconds = Math.ceil(Math.max(...all.map((point) => point.seconds)) / 100) * 100;
const least = Math.floor(Math.min(...all.map(({ percent }) => percent)) / 10) * 10;
const x = (value) => LEFT + (value / seconds) * (WIDTH - LEFT - RIGHT);
const y = (percent) => TOP + ((100 - percent) / (100 - least)) * (HEIGHT - TOP - BOTTOM);

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13" role="img">
<title>Accuracy on test images against seconds of training</title>
<rect width="100%" height="100%" fill="#fff"/>
${steps(least, 100, 10)
  .map(
    (percent) =>
      `<path d="M${LEFT} ${y(percent)}H${WIDTH - RIGHT}" stroke="#ddd"/>${text(LEFT - 8, y(percent) + 4, `${percent} %`, 'end')}`,
  )
  .join('\n')}
${steps(0, seconds, seconds > 1200 ? 300 : 100)
  .map((value) => text(x(value), HEIGHT - BOTTOM + 20, `${value} s`, 'middle'))
  .join('\n')}
${curves.map(shown).join('\n')}
</svg>
`;
if (values.out === undefined) process.stdout.write(svg);
else writeFileSync(values.out, svg);

function pointOf(line) {
  const [time, accuracy] = [/([\d.]+) s\b/.exec(line), /accuracy ([\d.]+) ?%/.exec(line)];
  return time && accuracy ? [{ seconds: Number(time[1]), percent: Number(accuracy[1]) }] : [];
}

function shown({ name, points }, i) {
  const colour = COLOURS[i % COLOURS.length];
  const places = points.map((point) => `${round(x(point.seconds))},${round(y(point.percent))}`);
  const last = points.at(-1);
  const dots = points.map(
    (point) =>
      `<circle cx="${round(x(point.seconds))}" cy="${round(y(point.percent))}" r="3" fill="${colour}"><title>${point.percent} % after ${point.seconds} s</title></circle>`,
  );
  return `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>\n${dots.join('')}\n${text(x(last.seconds) + 8, y(last.percent) + 4, `${name} ${last.percent} %`.trim(), 'start', colour)}`;
}

function text(at, line, words, anchor, fill = '#444') {
  const safe = words.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<text x="${round(at)}" y="${round(line)}" text-anchor="${anchor}" fill="${fill}">${safe}</text>`;
}

function steps(from, to, by) {
  return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => from + i * by);
}

function round(value) {
  return Number(value.toFixed(1));
}
