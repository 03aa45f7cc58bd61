/**
 * node bench/table.mjs FILE… [--write PERFORMANCE.md]
 *
 * Makes the table of PERFORMANCE.md of the rows that `npm run -s bench -- --json` printed into the files; of a row that stands there
 * several times, the last counts. With --write, replaces what stands between the two comments `<!-- figures -->` and `<!-- /figures -->`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** The workloads of the table, in its order. */
const TITLES = {
  'w1-train-20': 'tutorial CNN, training step, batch 20',
  'w1-train-128': 'the same, batch 128',
  'w2-train-20': 'classic CIFAR CNN, training step, batch 20',
  'w2-train-128': 'the same, batch 128',
  'w2-infer-128': 'the same, inference, batch 128',
  'w3-train-32': 'ResNet-18, training step, batch 32',
  'w3-infer-1': 'the same, inference, batch 1',
  'w4-conv-fwd-bwd': 'convolution 64→64 on 56×56, forward and back, batch 32',
  w5: 'learn-a-kernel loop, one step',
};
const DEVICES = { native: 'native', wasm: 'WebAssembly' };
const PEERS = { pytorch: 'PyTorch', onnxruntime: 'onnxruntime', tfjs: 'TensorFlow.js' };

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'string' } } });
if (positionals.length === 0) throw new Error('usage: node bench/table.mjs FILE… [--write PERFORMANCE.md]');
const lines = positionals.flatMap((file) => readFileSync(file, 'utf8').split('\n').filter((line) => line.startsWith('{'))); // prettier-ignore
const rows = new Map(lines.map((line) => JSON.parse(line)).map((row) => [`${row.name} ${row.device}`, row]));
const devices = Object.keys(DEVICES).filter((device) => [...rows.values()].some((row) => row.device === device));
const peersOf = (device) =>
  Object.keys(PEERS).filter((peer) => [...rows.values()].some((row) => row.device === device && peer in row.ratio));

const head = ['workload', ...devices.flatMap((device) => [`${DEVICES[device]}, ms`, ...peersOf(device).map((peer) => `${PEERS[peer]} / ours`)])]; // prettier-ignore
const body = Object.entries(TITLES).flatMap(([name, title]) => {
  const cells = devices.flatMap((device) => {
    const row = rows.get(`${name} ${device}`);
    const ratios = peersOf(device).map((peer) => (row?.ratio[peer] === undefined ? '' : String(rounded(row.ratio[peer], 3)))); // prettier-ignore
    return row === undefined ? ['', ...ratios] : [`${rounded(row.ms, 3)} ± ${rounded(row.spread / 2, 1)}`, ...ratios];
  });
  return cells.some((cell) => cell !== '') ? [[title, ...cells]] : [];
});
const table = markdown([head, ...body]);
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
