/**
 * How a function, method or layer of the library is called, by its declarations: the names of its arguments, which of them must be given, and those that are given
 * by name in one object.
 */
import ts from 'typescript';

/** Arguments that are such an object and nothing else are called so in declarations. */
const OPTIONS = /^(options|all|call|named|others|more|rest)$/;

/**
 * An argument as one signature has it.
 * @typedef {{ name: string, optional: boolean, named: readonly { name: string, optional: boolean }[], isOptions: boolean }} Parameter
 */

export class Declarations {
  #checker;
  #here;
  #names = new Map();

  /** @param root the repository @param entries files that export the library; @param spaces files that export what stands under a name of the library */
  constructor(root, entries, spaces = {}) {
    const { config } = ts.readConfigFile(`${root}/tsconfig.json`, (path) => ts.sys.readFile(path));
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root);
    const files = [...entries, ...Object.values(spaces)].map((file) => `${root}/${file}`);
    const program = ts.createProgram(files, { ...options, types: [], incremental: false, tsBuildInfoFile: undefined });
    this.#checker = program.getTypeChecker();
    const moduleOf = (file) => this.#checker.getSymbolAtLocation(program.getSourceFile(`${root}/${file}`));
    this.#here = program.getSourceFile(files[0]);
    for (const file of entries) for (const symbol of this.#checker.getExportsOfModule(moduleOf(file))) this.#names.set(symbol.name, symbol);
    for (const [name, file] of Object.entries(spaces)) this.#names.set(name, moduleOf(file));
  }

  /** @param path `nn.Conv2d`, `F.pad`; `Tensor.add`, which is a method of its instances @returns the ways to call it, as text of the arguments */
  formsOf(path) {
    const symbol = this.#symbolOf(path);
    if (symbol === undefined) return undefined;
    const type = this.#typeOf(this.#resolved(symbol));
    const signatures = [...type.getConstructSignatures(), ...type.getCallSignatures()];
    return signatures.length === 0 ? undefined : written(signatures.flatMap((signature) => this.#lists(signature)));
  }

  /** Whether it is a class that one's own extend, and that is not made itself. */
  isAbstract(path) {
    const symbol = this.#resolved(this.#symbolOf(path));
    if (symbol.flags & ts.SymbolFlags.Class) return isAbstract(symbol.valueDeclaration);
    const made = this.#typeOf(symbol).getConstructSignatures(); // of a constant with such a type
    return made.length > 0 && made.every(({ declaration }) => declaration !== undefined && isAbstract(declaration));
  }

  #symbolOf(path) {
    const [first, ...names] = path.split('.');
    return names.reduce((owner, name) => owner && this.#member(owner, name), this.#names.get(first));
  }

  #typeOf(symbol) {
    return this.#checker.getTypeOfSymbolAtLocation(symbol, this.#here);
  }

  #resolved(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #member(symbol, name) {
    const owner = this.#resolved(symbol);
    if (owner.flags & ts.SymbolFlags.ValueModule) return this.#checker.getExportsOfModule(owner).find((one) => one.name === name);
    const isClass = owner.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface);
    return (isClass ? this.#checker.getDeclaredTypeOfSymbol(owner) : this.#typeOf(owner)).getProperty(name);
  }

  /** @returns {Parameter[][]} several where what comes at the end is one list of arguments or another */
  #lists(signature) {
    let lists = [[]];
    for (const symbol of signature.getParameters()) {
      const type = this.#typeOf(symbol);
      const declaration = symbol.valueDeclaration;
      const isDeclared = declaration !== undefined && ts.isParameter(declaration);
      const ends =
        isDeclared && declaration.dotDotDotToken !== undefined
          ? (type.isUnion() ? type.types : [type]).map((one) => this.#rest(symbol.name, one))
          : [[this.#parameter(symbol.name, type, isDeclared && this.#checker.isOptionalParameter(declaration))]];
      lists = lists.flatMap((list) => ends.map((end) => [...list, ...end]));
    }
    return lists;
  }

  #rest(name, type) {
    if (!this.#checker.isTupleType(type) && (OPTIONS.test(name) || name.startsWith('_'))) return [];
    if (!this.#checker.isTupleType(type)) return [this.#repeated(name, this.#checker.getIndexTypeOfType(type, ts.IndexKind.Number))];
    const { elementFlags, labeledElementDeclarations: labels } = type.target;
    return this.#checker.getTypeArguments(type).map((element, i) => {
      const own = labels?.[i]?.name.text ?? name;
      if (elementFlags[i] & ts.ElementFlags.Variable) return this.#repeated(own, element);
      return this.#parameter(own, element, (elementFlags[i] & ts.ElementFlags.Optional) !== 0);
    });
  }

  /** As many as one likes, options among them. */
  #repeated(name, element) {
    return { ...this.#parameter(name, element, true), name: `...${name}`, isOptions: false };
  }

  /** @returns {Parameter} */
  #parameter(name, type, optional) {
    const parts = (type.isUnion() ? type.types : [type]).filter((part) => !(part.flags & ts.TypeFlags.Undefined));
    const objects = parts.filter((part) => this.#isOptions(part, name));
    const properties = new Map(objects.flatMap((part) => part.getProperties()).map((symbol) => [symbol.name, symbol]));
    const named = [...properties.values()].map(({ name, flags }) => ({ name, optional: (flags & ts.SymbolFlags.Optional) !== 0 }));
    const isOptions = OPTIONS.test(name) || (objects.length > 0 && objects.length === parts.length);
    return { name: name.replace(/^_/, ''), optional, named, isOptions };
  }

  /** Whether it is an object that names arguments: this one among them, or such as may be left out. */
  #isOptions(type, parameter) {
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) || this.#checker.isArrayLikeType(type)) return false;
    const properties = type.getProperties();
    const isPlain = properties.every((symbol) => !(symbol.flags & ts.SymbolFlags.Method) && !symbol.name.startsWith('__'));
    const calls = type.getCallSignatures().length + type.getConstructSignatures().length;
    if (!isPlain || calls > 0 || properties.length === 0) return false;
    const names = properties.map(({ name }) => name);
    return OPTIONS.test(parameter) || names.includes(parameter) || properties.every(({ flags }) => flags & ts.SymbolFlags.Optional);
  }
}

const isAbstract = (node) => ts.canHaveModifiers(node) && (node.modifiers ?? []).some(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword);

const plain = (name) => name.replace(/^\.\.\./, '');

/** Of a list: its names, and which of them must be given; undefined where it does not say, since all are in one object that has them in part. */
function read(list) {
  const positions = list.filter(({ isOptions }) => !isOptions);
  const names = new Map();
  const inObjects = list.flatMap(({ named }) => named);
  const isNeeded = (name) => inObjects.some((one) => one.name === name && !one.optional);
  for (const { name, optional } of positions) names.set(plain(name), !optional || isNeeded(name));
  for (const { named, optional: isLeftOut, isOptions } of list)
    for (const { name, optional } of named)
      if (!names.has(name)) names.set(name, optional ? (isOptions && !isLeftOut ? undefined : false) : true);
  const options = list.findIndex(({ isOptions }) => isOptions);
  return { list, positions, names, isInside: options >= 0 && options < list.length - 1 };
}

/** Lists that say most: of most names, by position, `...sizes` rather than a list of them. */
const rank = ({ names, positions, isInside }) =>
  (isInside ? 0 : 1e4) + names.size * 100 + positions.length * 10 + (positions.some(({ name }) => name.startsWith('...')) ? 1 : 0);

const asWritten = ({ list }) =>
  list.map(({ name, optional, isOptions }) => (isOptions ? '{ … }' : optional && !name.startsWith('...') ? `${name}?` : name)).join(', ');

/** Ways to call it, as text: the first has all names, but for those of lists of other arguments, which are ways of their own. */
function written(lists) {
  const all = lists.filter((list) => list.every(({ isOptions, named }) => !isOptions || named.length > 0)).map(read);
  const main = all.reduce((best, one) => (rank(one) > rank(best) ? one : best));
  const needed = main.positions.filter(({ name }) => name.startsWith('...') || main.names.get(name) === true);
  // Without one of those in front of others it is another way: `arange(end)`.
  const isShifted = ({ names }) =>
    needed.some(({ name }, i) => !names.has(plain(name)) && needed.slice(i + 1).some((later) => names.has(plain(later.name))));
  const hasOthers = ({ names }) => [...names.keys()].some((name) => !main.names.has(name));
  const others = all.filter((one) => one !== main && one.positions.length > 0 && (hasOthers(one) || isShifted(one)));
  const alike = all.filter((one) => !others.includes(one));
  const isRequired = ({ name }) => alike.every(({ names }) => names.has(plain(name)) && names.get(plain(name)) !== false);
  const required = needed.filter((one) => one.name.startsWith('...') || isRequired(one)).map(({ name }) => name);
  const byName = new Set(all.flatMap(({ list }) => list.flatMap(({ named }) => named.map(({ name }) => name))));
  const optional = [...main.names.keys()].filter((name) => !required.map(plain).includes(name));
  const named = optional.filter((name) => byName.has(name));
  const unnamed = optional.filter((name) => !byName.has(name)).map((name) => `${name}?`);
  const first = [...required, ...unnamed, ...(named.length === 0 ? [] : [`{ ${named.join(', ')} }`])].join(', ');
  return [...new Set([first, ...others.map(asWritten)])];
}
