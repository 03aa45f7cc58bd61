/** Values from files as text that people can read: as Python would print them, cut to a line, and safe for a terminal. */
import { escaped } from '../pickle/items.ts';
import { isScalar } from '../pickle/keys.ts';
import { OrderedDict, PyFloat, PyFrozenSet, PyGlobal, PyObject, PySize, PyTuple, RawTensor } from './value.ts';
import type { PtKey, PtValue } from './value.ts';

/** Longest text, characters of a string in it, items of a container, and containers in one another. */
const MAX_TEXT = 300;
const MAX_STRING = 60;
const MAX_ITEMS = 8;
const MAX_DEPTH = 4;

/** A key as a part of a path. */
export const keyText = (key: PtKey): string => (isScalar(key) ? String(key) : pyText(key));

/** A value on one line, for example `argparse.Namespace(lr=0.1, name='net')`. */
export function pyText(value: PtValue): string {
  const text = show(value, 0);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

function show(value: PtValue, depth: number): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return showString(value);
  if (typeof value === 'number') return showNumber(value);
  if (typeof value === 'bigint') return cut(String(value));
  if (value instanceof PyFloat) return `${showNumber(value.value)}${Number.isInteger(value.value) ? '.0' : ''}`;
  if (value instanceof RawTensor) return `tensor(${value.dtype}, [${value.shape.join(', ')}])`;
  if (value instanceof Uint8Array) return showBytes(value);
  if (value instanceof PyGlobal) return escaped(cut(value.path));
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof PyObject) return showObject(value, depth);
  if (value instanceof PySize) return `torch.Size([${items(value.items, depth)}])`;
  if (value instanceof PyTuple) return `(${items(value.items, depth)}${value.length === 1 ? ',' : ''})`;
  if (Array.isArray(value)) return `[${items(value, depth)}]`;
  if (value instanceof PyFrozenSet) return `frozenset({${items([...value], depth)}})`;
  if (value instanceof Set) return value.size === 0 ? 'set()' : `{${items([...value], depth)}}`;
  const inner = entries(value, ': ', depth);
  return value instanceof OrderedDict ? `OrderedDict({${inner}})` : `{${inner}}`;
}

/** As its constructor would be called; what is set afterwards is shown as if it had been named there. */
function showObject({ type, args, kwargs, state, listItems, dictItems }: PyObject, depth: number): string {
  const parts = [
    items(args.items, depth),
    entries(kwargs, '=', depth),
    ...(state instanceof Map ? [entries(state, '=', depth)] : state === undefined ? [] : [show(state, depth + 1)]),
    ...(listItems === undefined ? [] : [`[${items(listItems, depth)}]`]),
    ...(dictItems === undefined ? [] : [`{${entries(dictItems, ': ', depth)}}`]),
  ];
  return `${escaped(cut(type.path))}(${parts.filter((part) => part !== '').join(', ')})`;
}

function items(list: readonly PtValue[], depth: number): string {
  const shown = list.slice(0, MAX_ITEMS).map((item) => show(item, depth + 1));
  return [...shown, ...(list.length > MAX_ITEMS ? [`… ${list.length - MAX_ITEMS} more`] : [])].join(', ');
}

function entries(map: ReadonlyMap<PtKey, PtValue>, between: string, depth: number): string {
  const shown: string[] = [];
  for (const [key, value] of map) {
    if (shown.length === MAX_ITEMS) return `${shown.join(', ')}, … ${map.size - MAX_ITEMS} more`;
    const name = between === '=' && typeof key === 'string' ? escaped(cut(key)) : show(key, depth + 1);
    shown.push(`${name}${between}${show(value, depth + 1)}`);
  }
  return shown.join(', ');
}

const cut = (text: string): string => (text.length > MAX_STRING ? `${text.slice(0, MAX_STRING)}…` : text);

function showString(text: string): string {
  const quoted = JSON.stringify(cut(text)).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped(quoted)}'`;
}

function showNumber(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

function showBytes(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, MAX_STRING), (byte) => {
    const char = String.fromCharCode(byte);
    if (char === '\\' || char === "'") return `\\${char}`;
    return byte < 32 || byte > 126 ? `\\x${byte.toString(16).padStart(2, '0')}` : char;
  });
  return `b'${shown.join('')}${bytes.length > MAX_STRING ? '…' : ''}'`;
}
