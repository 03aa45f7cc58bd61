/**
 * node bench/types.mjs [FOLDER]
 *
 * What shapes in the types cost, under every installed compiler: milliseconds, median (smallest to largest), and instantiations of types, which
 * are the same every time. FOLDER has further node_modules. TypeScript 7 has no interface for this: its command line says how long it checked,
 * and editor is left out.
 *
 * check     checking test/types/networks.ts (VGG-16, ResNet-18) against the package's declarations, in a new program each time
 * stack     checking a Sequential of a hundred layers
 * editor    diagnostics of networks.ts in a language service after an edit in the middle of VGG-16: what an editor waits for
 * price N   checking N classes written without any shape, and the same with every type-level rule in the declarations emptied
 */
import { existsSync, readFileSync, mkdtempSync, rmSync, writeFileSync, cpSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';

const ROUNDS = 9;
const PLAIN = [1, 50];
const root = fileURLToPath(new URL('../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'flambeau-types-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const full = join(folder, 'full');
const empty = join(folder, 'empty');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const built = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', full]);
if (built.status !== 0) throw new Error(String(built.stdout));
cpSync(full, empty, { recursive: true });
for (const file of [...readdirSync(join(empty, 'tensor/shapes')).map((name) => `tensor/shapes/${name}`), 'nn/shape-types.d.ts']) {
  if (file.endsWith('.d.ts')) writeFileSync(join(empty, file), emptied(readFileSync(join(empty, file), 'utf8')));
}
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
const networks = readFileSync(join(root, 'test/types/networks.ts'), 'utf8');
writeFileSync(join(folder, 'networks.ts'), networks.replace(`'./support.ts'`, `'./support.js'`));
cpSync(join(root, 'test/types/support.ts'), join(folder, 'support.ts'));
writeFileSync(join(folder, 'stack.ts'), stackProgram());
for (const count of PLAIN) writeFileSync(join(folder, `plain${count}.ts`), plainProgram(count));

for (const name of ['typescript', 'typescript-5.5', 'typescript-5.9', 'typescript-7']) {
  const ts = compiler(name);
  if (ts === undefined) continue;
  const check = ts.createProgram === undefined ? (...what) => commandLineTime(name, ...what) : (...what) => checkTime(ts, ...what);
  const show = (what, text) => console.log(`${ts.version.padEnd(8)} ${what.padEnd(9)} ${text}`);
  const results = (runs) => `${spread(runs.map(({ time }) => time))}, ${runs[0].instantiations} instantiations`;
  show('check', results(rounds(() => check('networks.ts', full))));
  show('stack', results(rounds(() => check('stack.ts', full))));
  if (ts.createProgram !== undefined) show('editor', spread(editorTimes(ts)));
  for (const count of PLAIN) {
    const pairs = rounds(() => [check(`plain${count}.ts`, full), check(`plain${count}.ts`, empty)]);
    const ratio = median(pairs.map(([a, b]) => a.time / b.time)).toFixed(2);
    show(`price ${count}`, `${results(pairs.map(([a]) => a))}; without rules ${results(pairs.map(([, b]) => b))}: ratio ${ratio}`);
  }
}

function compiler(name) {
  for (const place of [process.argv[2], root]) {
    if (place === undefined) continue;
    try {
      return createRequire(join(place, 'x.js'))(name);
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}

/** The options that have one spelling, in programs and in files. */
function commonOptions(declarations) {
  return {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    paths: { flambeau: [join(declarations, 'index.d.ts')] },
  };
}

function optionsFor(ts, declarations) {
  return {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    ...commonOptions(declarations),
  };
}

/** What TypeScript 7 says that checking one file took. */
function commandLineTime(name, file, declarations) {
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2023', 'DOM', 'DOM.Iterable', 'ESNext.Disposable'],
    module: 'NodeNext',
    ...commonOptions(declarations),
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  const places = [process.argv[2], root].filter((place) => place !== undefined);
  const tsc = places.map((place) => join(place, 'node_modules', name, 'bin/tsc')).find((path) => existsSync(path));
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--extendedDiagnostics'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stdout);
  const said = (what) => Number(new RegExp(`^${what}:\\s+([\\d.]+)`, 'm').exec(stdout)[1]);
  return { time: 1000 * said('Check time'), instantiations: said('Instantiations') };
}

/** Milliseconds of checking one file, parsing and binding not counted. */
function checkTime(ts, file, declarations) {
  const path = join(folder, file);
  const program = ts.createProgram([path], optionsFor(ts, declarations));
  program.getGlobalDiagnostics(); // makes the checker and binds all files
  const start = performance.now();
  const found = program.getSemanticDiagnostics(program.getSourceFile(path));
  const time = performance.now() - start;
  if (found.length > 0)
    throw new Error(
      ts.formatDiagnostics(found, { getCurrentDirectory: () => folder, getCanonicalFileName: (x) => x, getNewLine: () => '\n' }),
    );
  return { time, instantiations: program.getInstantiationCount() };
}

/** Milliseconds from an edit to the diagnostics, in a language service that has answered before. */
function editorTimes(ts) {
  const path = join(folder, 'networks.ts');
  const text = readFileSync(path, 'utf8');
  let version = 0;
  let current = text;
  const host = {
    getCompilationSettings: () => optionsFor(ts, full),
    getScriptFileNames: () => [path],
    getScriptVersion: (name) => (name === path ? String(version) : '0'),
    getScriptSnapshot: (name) => {
      const content = name === path ? current : ts.sys.readFile(name);
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
    },
    getCurrentDirectory: () => folder,
    getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
  };
  const service = ts.createLanguageService(host);
  service.getSemanticDiagnostics(path);
  return rounds((i) => {
    current = text.replace('new Conv2d(256, 512, 3', `new Conv2d(256, ${i % 2 === 0 ? 511 : 512}, 3`);
    version++;
    const start = performance.now();
    const found = service.getSemanticDiagnostics(path);
    const time = performance.now() - start;
    if (found.length > 0 !== (i % 2 === 0)) throw new Error(`${found.length} errors after edit ${i}`);
    return time;
  });
}

/** Declarations whose generic types are all `any`. */
function emptied(text) {
  const ts = createRequire(import.meta.url)('typescript');
  const source = ts.createSourceFile('x.d.ts', text, ts.ScriptTarget.ES2022);
  let result = text;
  for (const statement of [...source.statements].reverse()) {
    if (!ts.isTypeAliasDeclaration(statement) || statement.typeParameters === undefined) continue;
    result = `${result.slice(0, statement.type.pos)} any${result.slice(statement.type.end)}`;
  }
  return result;
}

/** A hundred layers one after the other: blocks of convolution, norm, activation. */
function stackProgram() {
  const block = ['nn.Conv2d(64, 64, 3, { padding: 1 })', 'nn.BatchNorm2d(64)', 'nn.ReLU()'];
  const middle = Array.from({ length: 96 }, (_, i) => block[i % 3]);
  const ends = ['nn.Input(3, 32, 32)', 'nn.Conv2d(3, 64, 3, { padding: 1 })', 'nn.Flatten()', 'nn.Linear(65536, 10)'];
  const layers = [...ends.slice(0, 2), ...middle, ...ends.slice(2)].map((layer) => `  new ${layer},\n`);
  return `import { nn, randn, type Tensor } from 'flambeau';
export const model = new nn.Sequential(\n${layers.join('')});
export const logits: Tensor<[2, 10]> = model(randn(2, 3, 32, 32));
`;
}

/** Classes as in PyTorch's tutorials, of a user who writes `Tensor` and lets sizes be numbers. */
function plainProgram(count) {
  const model = (i) => `
export class Net${i} extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  norm: nn.BatchNorm2d;
  fc1: nn.Linear;
  fc2: nn.Linear;
  constructor(channels: number, classes: number) {
    super();
    this.conv1 = new nn.Conv2d(channels, channels * 2, 3, { padding: 1 });
    this.conv2 = new nn.Conv2d(channels * 2, channels * 4, 3, { stride: 2, padding: 1 });
    this.norm = new nn.BatchNorm2d(channels * 4);
    this.fc1 = new nn.Linear(channels * 64, channels);
    this.fc2 = new nn.Linear(channels, classes);
  }
  forward(x: Tensor): Tensor {
    x = F.maxPool2d(F.relu(this.conv1(x)), 2);
    x = F.maxPool2d(F.relu(this.norm(this.conv2(x))), 2);
    x = F.dropout(x.view(x.size(0), -1), { training: this.training });
    return this.fc2(F.relu(this.fc1(x)).add(1).mul(0.5));
  }
}
export function train${i}(model: Net${i}, batches: Iterable<[Tensor, Tensor]>): void {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  for (const [x, y] of batches) {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
  }
}
`;
  const head = `import { F, nn, optim, type Tensor } from 'flambeau';\n`;
  return head + Array.from({ length: count }, (_, i) => model(i)).join('');
}

function rounds(fn) {
  return Array.from({ length: ROUNDS }, (_, i) => fn(i));
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function spread(values) {
  const sorted = values.toSorted((a, b) => a - b).map((value) => value.toFixed(0));
  return `${median(values).toFixed(0)} ms (${sorted[0]} to ${sorted.at(-1)})`;
}
