/**
 * How a function, method or layer of the library is called, asked of itself: a call with more arguments than there are is refused with the list of those
 * that there are (`base/signature.ts`); methods of tensors without such a list are read as they are written.
 */

const MANY = Array.from({ length: 40 }, () => undefined);

/** `F.pad: takes input, pad, mode (by name only: value), but got 1 besides; write F.pad(input, pad, { mode: … })`. */
const REFUSAL = /: takes (?<positions>.*?)(?: \(by name only: (?<named>[^)]*)\))?, but got .* besides; write (?<example>[^\n]*)$/;

function refusal(call) {
  try {
    const result = call();
    if (typeof result?.then === 'function') result.then(undefined, () => undefined);
  } catch (error) {
    return REFUSAL.exec(error?.message ?? '')?.groups;
  }
  return undefined;
}

const list = (text) => (text === undefined || text === 'no arguments by position' ? [] : text.split(', '));

/** How many arguments a right call gives before an object with others by name. */
function countOf(example) {
  let [depth, count, empty] = [0, 0, true];
  for (const c of example.slice(example.indexOf('('))) {
    if (c === '{' && depth === 1) return count;
    if ('([{'.includes(c)) depth++;
    if (')]}'.includes(c)) depth--;
    if (depth === 0) break;
    if (c === ',' && depth === 1) count++;
    else if (c !== '(' && c !== ' ') empty = false;
  }
  return empty ? 0 : count + 1;
}

/** Those of a right call by position, the others by name. */
function fromRefusal({ positions, named, example }) {
  const byPosition = list(positions);
  const count = example.includes('(') ? Math.min(countOf(example), byPosition.length) : 0;
  return { required: byPosition.slice(0, count), optional: [...byPosition.slice(count), ...list(named)] };
}

/** A bundler numbers names that it has met before; numbers that tell names of one list apart stay. */
function unnumbered(names) {
  const stem = (name) => name.replace(/\d+$/, '');
  return names.map((name) =>
    names.filter((other) => stem(other) === stem(name)).length > 1 ? name.replace(/(\d)\d+$/, '$1') : stem(name),
  );
}

/** `(other, options)` of a function's text; undefined where it says nothing. */
function fromText(value) {
  const text = Function.prototype.toString.call(value);
  const head = /^(?:async )?(?:function\*? ?)?[\w$]*\s*\(([^()]*)\)/.exec(text)?.[1];
  if (head === undefined || head.includes('...') || /[{}[\]]/.test(head)) return undefined;
  const parts = head
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const names = unnumbered(parts.map((part) => part.split(/[\s=]/)[0]));
  if (names.some((name) => /^(first|second|third|more|rest|args|along|all|_.*|[A-Z]\w*)\b/.test(name))) return undefined;
  const isOptional = (i) => parts[i].includes('=');
  return { required: names.filter((_, i) => !isOptional(i)), optional: names.filter((_, i) => isOptional(i)) };
}

/**
 * @param call calls it with these arguments
 * @param value the function
 * @returns the names of its arguments, those that must be given and the others; undefined where it does not say
 */
export function parametersOf(call, value) {
  const refused = refusal(() => call(...MANY, 1));
  return refused === undefined ? fromText(value) : fromRefusal(refused);
}

/** `required, { optional }`. */
export function written({ required, optional }) {
  const named = optional.length === 0 ? [] : [`{ ${optional.join(', ')} }`];
  return [...required, ...named].join(', ');
}
