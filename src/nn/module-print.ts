/** What printing shows of modules, as Python does. */
import type { ModuleBase } from './module-base.ts';
import { INTERNALS } from './module-internals.ts';

const indent = (text: string): string => text.replaceAll('\n', '\n  ');

/** What printing shows of the children. */
export function childLines(module: ModuleBase): string[] {
  const shown = [...module.namedChildren()].map(([name, child]) => ({ name, text: indent(child.toString()) }));
  const blocks: { first: string; last: string; count: number; text: string }[] = [];
  for (const { name, text } of shown) {
    const block = blocks.at(-1);
    if (!module[INTERNALS].folds || block?.text !== text) blocks.push({ first: name, last: name, count: 1, text });
    else Object.assign(block, { last: name, count: block.count + 1 });
  }
  return blocks.map(({ first, last, count, text }) => (count === 1 ? `(${first}): ${text}` : `(${first}-${last}): ${count} x ${text}`));
}

/** The first line of what printing shows. */
export function heading(module: ModuleBase): string {
  const [child] = module.children();
  return child === undefined ? `${module.typeName()}(${module.extraRepr()})` : module.typeName();
}
