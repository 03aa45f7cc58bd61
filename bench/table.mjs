/**
 * node bench/table.mjs FILE… [--write PERFORMANCE.md]
 *
 * Makes the table of PERFORMANCE.md of the rows that `npm run -s bench -- --json` printed into the files; of a row that stands there
 * several times, the last counts. With --write, replaces what stands between the two comments `<!-- figures -->` and `<!-- /figures -->`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FURTHER, MAIN } from './titles.mjs';

const DEVICES = { native: 'native', wasm: 'WebAssembly' };
const PEERS = {
  pytorch: 'PyTorch',
  'pytorch-debian': 'Debian’s PyTorch',
  onnxruntime: 'onnxruntime',
  'onnxruntime-web': 'onnxruntime-web',
  tfjs: 'TensorFlow.js',
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'string' } } });
if (positionals.length === 0) throw new Error('usage: node bench/table.mjs FILE… [--write PERFORMANCE.md]');
const lines = positionals.flatMap((file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{')),
);
const rows = new Map(lines.map((line) => JSON.parse(line)).map((row) => [`${row.name} ${row.device}`, row]));
const all = [...rows.values()];

/** What is shown of a row, one column after the other. */
const columns = Object.keys(DEVICES)
  .filter((device) => all.some((row) => row.device === device))
  .flatMap((device) => {
    const own = [`${DEVICES[device]}, ms`, (row) => `${rounded(row.ms, 3)} ± ${rounded(row.spread / 2, 1)}`];
    const theirs = Object.keys(PEERS).flatMap((peer) => columnsOf(device, peer));
    return [own, ...theirs].map(([title, show]) => ({ device, title, show }));
  });

function columnsOf(device, peer) {
  const of = all.filter((row) => row.device === device && row.ratio[peer] !== undefined);
  if (of.length === 0) return [];
  const ratio = ({ ratio, quartiles }) => {
    if (ratio[peer] === undefined) return '';
    const [low, high] = quartiles[peer].map((value) => rounded(value, 2));
    return `${rounded(ratio[peer], 3)} (${low}–${high})`;
  };
  const shown = [[`${PEERS[peer]} / ours`, ratio]];
  if (of.some((row) => row.peers[peer].setting !== '')) shown.push([`${PEERS[peer]}’s best`, (row) => row.peers[peer]?.setting ?? '']);
  return shown;
}

const body = Object.entries({ ...MAIN, ...FURTHER }).flatMap(([name, title]) => {
  const cells = columns.map(({ device, show }) => {
    const row = rows.get(`${name} ${device}`);
    return row === undefined ? '' : show(row);
  });
  return cells.some((cell) => cell !== '') ? [[title, ...cells]] : [];
});
const table = markdown([['workload', ...columns.map(({ title }) => title)], ...body]);
if (values.write === undefined) console.log(table);
else {
  const text = readFileSync(values.write, 'utf8');
  const parts = /(<!-- figures -->\n)[\s\S]*?(\n<!-- \/figures -->)/;
  if (!parts.test(text)) throw new Error(`${values.write} has no <!-- figures --> … <!-- /figures -->`);
  writeFileSync(values.write, text.replace(parts, `$1\n${table}\n$2`));
}

function rounded(value, digits) {
  return Number(value.toPrecision(digits));
}

function markdown(cells) {
  const widths = cells[0].map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(cells[0]), line(widths.map((width) => '-'.repeat(width))), ...cells.slice(1).map(line)].join('\n');
}
