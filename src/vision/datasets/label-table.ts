/** Tables of labels beside images: `name,label` in CSV or with tabs, with or without a header, or a column of 0 and 1 for each class. */
import { FormatError } from '../../base/errors.ts';

/** Images and what they are called in a table. */
export interface LabelRow {
  readonly image: string;
  readonly label: string;
}

/** Most bytes of a table. */
export const MAX_TABLE_BYTES = 256 * 2 ** 20;

/** A table as text: UTF-8, or UTF-16 with its mark in front, as spreadsheets write it ("Unicode text"). */
export function tableText(bytes: Uint8Array): string {
  const marked = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  return new TextDecoder(!marked ? 'utf-8' : bytes[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(bytes);
}

/** What a table says: labels of images that are there, and the names of those that are not. */
export interface Labelled {
  readonly rows: readonly LabelRow[];
  readonly absent: readonly string[];
}

/**
 * Splits a table into cells (RFC 4180), by whichever of comma, semicolon, tab and bar its first line has most of.
 */
export function parseTable(text: string): string[][] {
  const plain = text.replace(/^\ufeff/, '');
  const first = /^[^\r\n]*/.exec(plain)![0];
  const [separator] = [',', ';', '\t', '|'].sort((a, b) => first.split(b).length - first.split(a).length) as [string];
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < plain.length; i++) {
    const c = plain[i]!;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (plain[i + 1] === '"') cell += plain[++i]!;
      else quoted = false;
    } else if (c === '"' && cell === '') {
      quoted = true;
    } else if (c === separator) {
      row.push(cell.trim());
      cell = '';
    } else if (c === '\n' || c === '\r') {
      if (c === '\r' && plain[i + 1] === '\n') i++;
      rows.push([...row, cell.trim()]);
      row = [];
      cell = '';
    } else {
      cell += c;
    }
  }
  if (cell !== '' || row.length > 0) rows.push([...row, cell.trim()]);
  return rows.filter((cells) => cells.some((each) => each !== ''));
}

/** Names of columns that hold what is asked for, most telling first. */
const LABEL_NAMES = [
  /^(class|label)[ _-]?names?$/i,
  /^labels?$/i,
  /^class(es)?$/i,
  /^categor(y|ies)$/i,
  /^targets?$/i,
  /^(breed|species|diagnosis|variety|dx|disease|kind|type|y)$/i,
  /^(class|label|category)[ _-]?(id|idx|index|num)$/i,
];

/**
 * The labels in a table.
 *
 * @param isImage - whether a cell names an image that is there
 * @returns the rows whose image is there and whose label is not empty, and the images that are not there; undefined if the table is not about these images
 * @throws FormatError when it cannot be told which column has the labels
 */
export function labelsOf(table: readonly (readonly string[])[], name: string, isImage: (cell: string) => boolean): Labelled | undefined {
  const width = Math.max(0, ...table.map((row) => row.length));
  const hits = Array.from({ length: width }, (_, c) => table.filter((row) => isImage(row[c] ?? '')).length);
  const at = hits.indexOf(Math.max(0, ...hits));
  if (at === -1 || hits[at] === 0 || width < 2) return undefined;
  const hasHeader = !isImage(table[0]![at] ?? '');
  const header = hasHeader ? table[0]! : undefined;
  const all = hasHeader ? table.slice(1) : table;
  const rows = all.filter((row) => isImage(row[at] ?? ''));
  const absent = all.map((row) => row[at] ?? '').filter((cell) => cell !== '' && !isImage(cell));
  const others = Array.from({ length: width }, (_, c) => c).filter((c) => c !== at && !isNumbering(rows, c, header));
  if (others.length === 0) return undefined;
  const labelOf = labelReader(rows, others, header, name);
  const labelled = rows.map((row) => ({ image: row[at]!, label: labelOf(row) })).filter(({ label }) => label !== '');
  return { rows: labelled, absent };
}

/** Whether a column only numbers the rows, as programs write them without being asked. */
function isNumbering(rows: readonly (readonly string[])[], column: number, header: readonly string[] | undefined): boolean {
  if (rows.length < 3 || !/^(|index|unnamed.*|#|row)$/i.test(header?.[column] ?? '-')) return false;
  return new Set(rows.map((row) => row[column])).size === rows.length && rows.every((row) => /^\d+$/.test(row[column] ?? ''));
}

type LabelReader = (row: readonly string[]) => string;

function labelReader(
  rows: readonly (readonly string[])[],
  columns: readonly number[],
  header: readonly string[] | undefined,
  name: string,
): LabelReader {
  const only =
    (column: number): LabelReader =>
    (row) =>
      row[column] ?? '';
  if (columns.length === 1) return only(columns[0]!);
  const marks = columns.filter((c) => rows.every((row) => /^[01](\.0*)?$/.test(row[c] ?? '')));
  const oneHot = marks.length > 1 && rows.every((row) => marks.filter((c) => Number(row[c]) === 1).length === 1);
  if (oneHot)
    return (row) => {
      const c = marks.find((column) => Number(row[column]) === 1)!;
      return header?.[c] ?? String(marks.indexOf(c));
    };
  for (const telling of LABEL_NAMES) {
    const found = columns.find((c) => telling.test(header?.[c] ?? ''));
    if (found !== undefined) return only(found);
  }
  const names = columns.map((c) => JSON.stringify(header?.[c] ?? `column ${c + 1}`)).join(', ');
  throw new FormatError(
    `${JSON.stringify(name)}: it cannot be told which column has the labels: ${names}; call it 'label', or leave only the image and its label`,
  );
}
