/**
 * Entry points for bundlers, below `web/`: they only say where in the chunks each name lies, and do what has to be done for it (`web-modules.mjs`). A name that leads to a
 * family, say, is defined in a file of `web/parts/` that loads the family, and which bundlers leave out with the name.
 */
import { posix } from 'node:path';
import { loadName } from './web-modules.mjs';

/** Where what all entry points name is gathered, to find out in which chunk each lies. */
export class Facades {
  #modules;
  #entries;
  #atOnce;
  #named = new Map();
  #parts = new Map();

  /**
   * @param modules of the package
   * @param entries names of modules
   * @param atOnce modules that do at once what they do
   */
  constructor(modules, entries, atOnce) {
    this.#modules = modules;
    this.#entries = [...entries];
    this.#atOnce = atOnce;
    for (const entry of this.#entries) for (const name of modules.exportsOf(entry)) this.#plan(entry, name);
    for (const module of this.#entries.flatMap((entry) => modules.loadedBy(entry))) this.#number(module, loadName(module));
  }

  #plan(entry, name) {
    const { module, name: own } = this.#modules.resolve(entry, name);
    if (own !== '*') this.#number(module, own);
    else if (!this.#entries.includes(module)) {
      this.#entries.push(module);
      for (const inner of this.#modules.exportsOf(module)) this.#plan(module, inner);
    }
  }

  #number(module, name) {
    const key = `${module} ${name}`;
    if (!this.#named.has(key)) this.#named.set(key, `_${this.#named.size}`);
    return this.#named.get(key);
  }

  /** A module that exports everything that entry points name, under numbers. @param pathOf a module's file */
  source(pathOf) {
    const lines = [...this.#named].map(([key, number]) => {
      const [module, name] = key.split(' ');
      return `export { ${name} as ${number} } from ${JSON.stringify(pathOf(module))};`;
    });
    return lines.join('\n');
  }

  /**
   * @param found where a number's value lies: `{ file, name }`
   * @returns texts by the files' paths
   */
  files(found) {
    const files = new Map(this.#entries.map((entry) => [`web/${entry}.js`, this.#entryText(entry, found)]));
    for (const part of this.#parts.values()) files.set(part.file, this.#partText(part, found));
    return files;
  }

  #loads(wanted) {
    return this.#modules.loadedFor(wanted).filter((module) => !this.#atOnce.has(module));
  }

  /** Lines that do what modules do. */
  #calls(modules, file, found) {
    const imports = modules.map((module) => {
      const { file: from, name } = found(this.#number(module, loadName(module)));
      return `import{${name} as ${loadName(module)}}from${linked(file, from)};`;
    });
    return [...imports, ...modules.map((module) => `${loadName(module)}();`)];
  }

  #entryText(entry, found) {
    const file = `web/${entry}.js`;
    const base = this.#modules.loadedFor([[entry, '']]);
    const exported = new Map();
    const lines = this.#calls(base, file, found);
    for (const name of this.#modules.exportsOf(entry)) {
      const { module, name: own } = this.#modules.resolve(entry, name);
      if (own === '*') {
        lines.push(`export*as ${name} from${linked(file, `web/${module}.js`)};`);
        continue;
      }
      const loads = this.#loads([[module, own]]).filter((load) => !base.includes(load));
      const lies = found(this.#number(module, own));
      const place = loads.length === 0 ? lies : this.#part(loads, lies.file, module, own);
      if (!exported.has(place.file)) exported.set(place.file, []);
      exported.get(place.file).push(place.name === name ? name : `${place.name} as ${name}`);
    }
    for (const [from, names] of exported) lines.push(`export{${names.join()}}from${linked(file, from)};`);
    return `${lines.join('\n')}\n`;
  }

  /** One for what lies in one file: bundlers read all files that a part names. */
  #part(loads, lies, module, name) {
    const key = [lies, ...loads].join();
    if (!this.#parts.has(key)) this.#parts.set(key, { file: `web/parts/${this.#parts.size}.js`, loads, names: new Map() });
    const part = this.#parts.get(key);
    const number = this.#number(module, name);
    part.names.set(number, name);
    return { file: part.file, name: number };
  }

  #partText({ file, loads, names }, found) {
    const lines = this.#calls(loads, file, found);
    for (const [number] of names) {
      const { file: from, name } = found(number);
      lines.push(`import{${name} as $${number}}from${linked(file, from)};`, `export const ${number}=$${number};`);
    }
    return `${lines.join('\n')}\n`;
  }
}

function linked(file, target) {
  const path = posix.relative(posix.dirname(file), target);
  return JSON.stringify(path.startsWith('.') ? path : `./${path}`);
}
