/** Tables as files that other programs read (https://www.rfc-editor.org/rfc/rfc4180). */

type Cell = string | number | undefined;

const cellText = (cell: Cell): string => {
  const text = String(cell ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** One row, with its end. */
export const csvRow = (cells: readonly Cell[]): string => `${cells.map(cellText).join(',')}\n`;
