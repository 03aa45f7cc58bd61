/**
 * The page docs/compatibility.md, made of PyTorch's names (names.py) and of the library itself: what is there under which name, where it is
 * compared with PyTorch, and what is absent. `node tools/compatibility.mjs` writes it, test/docs/compatibility.test.ts holds the library to it.
 */
/** Where the names of each of PyTorch's modules are looked for, and how a call of one is written. The first place that has a name counts. */
const PLACES = {
  torch: ['', 'Tensor', 'linalg', 'special', 'F', 'amp'],
  'torch.Tensor': ['Tensor', ''],
  'torch.nn': ['nn'],
  'torch.nn.Module': ['nn.Module'],
  'torch.nn.functional': ['F'],
  'torch.nn.init': ['nn.init'],
  'torch.nn.utils': ['nn.utils'],
  'torch.nn.utils.parametrizations': ['nn.utils.parametrizations'],
  'torch.nn.utils.parametrize': ['nn.utils.parametrize'],
  'torch.nn.utils.prune': ['nn.utils.prune'],
  'torch.nn.utils.rnn': ['nn.utils.rnn'],
  'torch.optim': ['optim'],
  'torch.optim.lr_scheduler': ['optim.lrScheduler', 'optim'],
  'torch.optim.swa_utils': ['optim.swaUtils'],
  'torch.autograd': ['autograd', ''],
  'torch.autograd.functional': ['autograd.functional'],
  'torch.utils.data': ['data'],
  'torch.utils.checkpoint': ['utils.checkpoint', ''],
  'torch.linalg': ['linalg', 'Tensor', ''],
  'torch.special': ['special', 'Tensor', 'F', ''],
  'torch.cuda': ['cuda'],
  'torch.fft': ['fft'],
  'torch.func': ['func'],
  'torch.amp': ['amp'],
  'torch.distributions': ['distributions'],
};

/** Ours where TypeScript spells a name otherwise than by its own rule. */
const OURS = {
  set_printoptions: 'setPrintOptions',
  nelement: 'numel',
  ndimension: 'dim',
  itemsize: 'elementSize',
  from_numpy: 'fromTypedArray',
  frombuffer: 'fromTypedArray',
  numpy: 'toTypedArray',
  igamma: 'gammainc',
  igammac: 'gammaincc',
};

/** `log_softmax` is `logSoftmax`, `add_` stays `add_`, `atleast_1d` is `atleast1d`. */
const spelt = (name) => OURS[name] ?? name.replace(/_+([a-z0-9])/gi, (_, letter) => letter.toUpperCase());

/** Why groups of names are absent, by module or by what a name looks like; the first that fits. */
const REASONS = [
  [/sparse|coalesced|crow_|ccol|col_indices|^smm$|hspmm|sspaddmm|to_dense|to_padded/, 'sparse and nested tensors'],
  [/complex|^conj|^resolve_|^real$|^imag$|is_neg$|^angle$|polar|vdot|cfloat|cdouble|chalf|isreal|adjoint|^mH$|^H$/, 'complex numbers'],
  [/quant|^int_repr$|qscheme|dequantize|q_/, 'quantisation'],
  [
    /(^|_)(ipu|xpu|mtia|maia|mps|hpu|mkldnn|vulkan|xla|meta|pinned|pin_memory|shared?_memory_?|is_shared|dlpack|record_stream)$/,
    'devices and memory that do not exist here',
  ],
  [
    /^(ScriptModule|fork|wait|import_ir|parse_|merge_type|unify_type|compiled_with|thread_safe|init_num|while_loop)/,
    "PyTorch's compiler and scripts",
  ],
  [/stft|fft|_window$|^i0|bessel|polynomial|airy|gammainc|igamma|zeta|mvlgamma|multigammaln/, 'signals and special functions'],
  [
    /^(det|logdet|slogdet|inverse|pinverse|qr|lu|svd|cholesky|eig|geqrf|orgqr|ormqr|lobpcg|pca_|matrix_|ldl_|lstsq|solve|inv|pinv|householder|triangular_solve|tensorinv|tensorsolve|cond)/,
    'decompositions of matrices',
  ],
  [/^(grouped_mm|scaled_)/, 'products of 8-bit floats'],
];
const MODULE_REASONS = {
  'torch.cuda': 'streams, graphs and statistics of CUDA',
  'torch.fft': 'signals and special functions',
};

/** Older names that PyTorch itself warns of: the names with `_` at the end stand for them. */
const DEPRECATED = {
  'torch.nn.init': /[^_]$/,
  'torch.nn.utils': /^clip_grad_norm$/,
  'torch.nn': /^(NLLLoss2d|Container)$/,
};

const at = (library, path) => path.split('.').reduce((value, name) => (name === '' ? value : value?.[name]), library);

function has(library, place, name) {
  if (place === 'Tensor' || place === 'nn.Module') return name in at(library, place).prototype;
  const owner = at(library, place);
  return owner !== undefined && owner !== null && Object.hasOwn(owner, name);
}

const written = (place, name, isFunction) => {
  if (place === 'Tensor') return isFunction ? `x.${name}()` : `x.${name}`;
  if (place === 'nn.Module') return isFunction ? `module.${name}()` : `module.${name}`;
  return place === '' ? name : `${place}.${name}`;
};

function isMethod(prototype, name) {
  for (let owner = prototype; owner !== null; owner = Object.getPrototypeOf(owner)) {
    const found = Object.getOwnPropertyDescriptor(owner, name);
    if (found !== undefined) return typeof found.value === 'function';
  }
  return false;
}

/** What there is of one name: how it is written and how the table of tests calls it; undefined where there is nothing. */
export function found(library, module, name) {
  const own = spelt(name);
  for (const place of PLACES[module]) {
    if (!has(library, place, own)) continue;
    const onPrototype = place === 'Tensor' || place === 'nn.Module';
    const isFunction = onPrototype && isMethod(at(library, place).prototype, own);
    return { text: written(place, own, isFunction), id: place === '' ? own : `${place}.${own}`, place, own };
  }
  return undefined;
}

const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));

/** How a name is called, with the names of its arguments, in each of the ways; undefined where there is nothing. */
export function formsOf(library, declarations, module, name) {
  const ours = found(library, module, name);
  if (ours === undefined) return undefined;
  const { place, own, text, id } = ours;
  const ways = declarations.formsOf(id);
  if (ways === undefined) return [text];
  if (declarations.isAbstract(id)) return [`class … extends ${text}`];
  const head = text.replace(/\(\)$/, '');
  const isMade = place !== 'Tensor' && place !== 'nn.Module' && isClass(at(library, place)[own]);
  return ways.map((way) => `${isMade ? 'new ' : ''}${head}(${way})`);
}

const reasonOf = (module, name) =>
  (DEPRECATED[module]?.test(name) === true ? 'deprecated in PyTorch' : undefined) ??
  MODULE_REASONS[module] ??
  REASONS.find(([pattern]) => pattern.test(name))?.[1] ??
  'not there yet';

function moduleSection(library, declarations, module, names, compared) {
  const there = names.map((name) => [name, found(library, module, name)]).filter(([, ours]) => ours !== undefined);
  const absent = new Map();
  for (const name of names) {
    if (there.some(([other]) => other === name)) continue;
    const reason = reasonOf(module, name);
    absent.set(reason, [...(absent.get(reason) ?? []), name]);
  }
  const waysOf = (name) =>
    formsOf(library, declarations, module, name)
      .map((form) => `\`${form}\``)
      .join(' or ');
  const rows = there.map(
    ([name, { id }]) =>
      `| \`${name}\` | ${waysOf(name)} | ${compared.has(id) || compared.has(`Tensor.${id}`) ? 'database' : 'own tests'} |`,
  );
  const table = rows.length === 0 ? [] : ['| PyTorch | here | compared by |', '| --- | --- | --- |', ...rows, ''];
  const lists = [...absent]
    .sort(([a], [b]) => Number(a === 'not there yet') - Number(b === 'not there yet') || a.localeCompare(b))
    .flatMap(([reason, list]) => [`Absent, ${reason}: ${list.map((name) => `\`${name}\``).join(', ')}.`, '']);
  return { there: there.length, of: names.length, text: [`## ${module}`, '', ...table, ...lists] };
}

/**
 * @param declarations the types of the same (`declarations.mjs`)
 * @param library all that `flambeau` and `flambeau/node` export
 * @param names what names.py has written
 * @param compared the names that are compared with PyTorch's own test database, as test/op-db/table.ts writes them
 */
export function compatibilityPage(library, declarations, { version, modules }, compared) {
  const sections = Object.entries(modules).map(([module, names]) => [
    module,
    moduleSection(library, declarations, module, names, compared),
  ]);
  const summary = sections.map(
    ([module, { there, of }]) => `| [${module}](#${module.toLowerCase().replace(/\./g, '')}) | ${there} | ${of} |`,
  );
  return (
    [
      '# From PyTorch, name by name',
      '',
      `Every name that PyTorch ${version} documents in these modules, and its name here; made by \`node tools/compatibility.mjs\` of the library itself and checked by its tests.`,
      "«Database» means that results, gradients and errors are compared with PyTorch's for all samples of its own test database (`npm run op-db`).",
      'Names are spelt as TypeScript spells them (`log_softmax` is `logSoftmax`); a function of `torch` that is only a method here is written as one.',
      'A form shows the names of the arguments as the declarations have them. Those in `{ … }` may be left out, and are given by name in one object: `new nn.Conv2d(3, 16, 3, { stride: 2 })`;',
      "most of them by position as well, in PyTorch's order: `new nn.Conv2d(3, 16, 3, 2)`. Those with `?` may be left out and have a position only, `...` stands for any number of them.",
      '',
      '| module | there | of |',
      '| --- | --- | --- |',
      ...summary,
      '',
      ...sections.flatMap(([, { text }]) => text),
    ]
      .join('\n')
      .trimEnd() + '\n'
  );
}
