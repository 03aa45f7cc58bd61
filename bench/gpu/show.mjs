/** The table of `bench/gpu.mjs`. */

/** Three digits that matter. */
export const rounded = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toFixed(3);

const COLUMNS = [
  { key: 'name', title: 'row', width: -24 },
  { key: 'ms', title: 'ms', width: 9, show: rounded },
  { key: 'spread', title: 'spread', width: 8, show: rounded },
  { key: 'first', title: 'first', width: 8, show: (ms) => ms.toFixed(0) },
  { key: 'tflops', title: 'TFLOP/s', width: 9, show: rounded },
  { key: 'share', title: 'of peak', width: 8, show: (share) => `${(100 * share).toFixed(1)}%`, needs: 'peak' },
  {
    key: 'theirs',
    title: 'PyTorch',
    width: 9,
    show: (ms, { setting }) => `${rounded(ms)}${setting === 'graph' ? 'g' : ' '}`,
    needs: 'peer',
  },
  { key: 'ratio', title: 'PyTorch/ours', width: 13, show: (ratio) => ratio.toFixed(2), needs: 'peer' },
  { key: 'tf32', title: 'TF32', width: 9, show: rounded, needs: 'peer' },
];

/** The columns that there is something for. */
export const columns = (have) => COLUMNS.filter(({ needs }) => needs === undefined || have[needs]);

/** A line of the table; text as it is, numbers as their column shows them. */
export function line(shape, cells) {
  const text = ({ key, show }) => {
    const value = cells[key];
    if (value === undefined) return '';
    return typeof value === 'number' ? show(value, cells) : value;
  };
  return shape.map((column) => (column.width < 0 ? text(column).padEnd(-column.width) : text(column).padStart(column.width))).join(' ');
}

export const median = (values) => quantile(values, 0.5);

/** Of numbers in any order, between neighbours where need be. */
export function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.ceil(at)] - sorted[low]) * (at - low);
}
