/**
 * Convolutions and their gradients on [batch, channels, height, width]: as products of gathered matrices where a group has channels enough to fill
 * tiles, else one thread for each result (`direct`), as for depthwise ones.
 */
import type { ConvAxis, ConvGeometry } from '../../geometry/conv.ts';
import type { Epilogue } from '../formula/epilogue.ts';
import { epilogueOperands, epilogueText } from './epilogue.ts';
import { wgslKernel, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';
import { productLaunches, tileFor, type ProductLaunches, type TileProduct } from './tile.ts';
import { WALK_GROUP, WALK_THREADS, walkGroups, walkText } from './walk.ts';

/** One direction. */
export type ConvSide = Omit<ConvAxis, 'after'>;

export interface ConvSizes extends Pick<ConvGeometry, 'batch' | 'groups' | 'inPerGroup' | 'outPerGroup'> {
  readonly height: ConvSide;
  readonly width: ConvSide;
}

const NAMES = ['images', 'ic', 'oc', 'ih', 'iw', 'kh', 'kw', 'oh', 'ow', 'sh', 'sw', 'dh', 'dw', 'ph', 'pw', 'G'];
const PARAMS: readonly WgslParam[] = NAMES.map((name) => ({ name, type: 'u32' }));

function argsOf(g: ConvSizes): number[] {
  const { height: h, width: w } = g;
  return [
    g.batch, g.inPerGroup, g.outPerGroup, h.input, w.input, h.kernel, w.kernel, h.output, w.output, h.stride, w.stride, h.dilation, w.dilation,
    h.before, w.before, g.groups,
  ]; // prettier-ignore
}

/** Whether results of a group are too few for tiles. */
const isDirect = (g: ConvSizes): boolean => Math.min(g.inPerGroup, g.outPerGroup) === 1 && g.groups > 1;

const floats = (...names: string[]): WgslOperand[] => names.map((name) => ({ name, dtype: 'float32' }));

/** What all products here have in common. */
const common = (g: ConvSizes) => ({ params: PARAMS, args: argsOf(g), batches: g.groups, type: 'f32' }) as const;

/** Of convolutions and their gradients of the input: products of weights with places of an image, of which these variables know where. */
const gathered = (g: ConvSizes, epilogue: Epilogue) =>
  ({
    ...common(g),
    fastA: 'k',
    fastB: 'n',
    state: 'var<private> top: i32; var<private> left: i32; var<private> base: u32;',
    functions: epilogueText(epilogue),
  }) as const;

const launchesOf = (product: TileProduct, small: boolean): ProductLaunches => productLaunches(product, tileFor(product, small));

/** Where a result does not come from a product. */
const alone = (first: WgslLaunch): ProductLaunches => ({ first, between: 0 });

/** [x, weight, bias?, scale and shift?, residual?, gate?] → y; operands in this order, those in the middle as the epilogue needs them. */
export function convLaunches(g: ConvSizes, bias: boolean, small: boolean, epilogue: Epilogue = 'none'): ProductLaunches {
  const inputs = floats('x', 'w');
  const others = [...floats(...(bias ? ['bias'] : [])), ...epilogueOperands(epilogue), ...floats('y')];
  if (isDirect(g)) return alone(directForward(g, [...inputs, ...others], bias, epilogue));
  const product: TileProduct = {
    name: `conv${bias ? '+bias' : ''}|${epilogue}`,
    inputs,
    others,
    ...gathered(g, epilogue),
    m: g.outPerGroup,
    n: g.batch * g.height.output * g.width.output,
    k: g.inPerGroup * g.height.kernel * g.width.kernel,
    readA: 'return w_at((batch * p.M + m) * p.K + k);',
    fixB: `left = i32((i % p.ow) * p.sw) - i32(p.pw); let r = i / p.ow; top = i32((r % p.oh) * p.sh) - i32(p.ph);
  base = ((r / p.oh) * p.G + batch) * p.ic;`,
    readB: `let kx = k % p.kw; let r = k / p.kw; let y = top + i32((r % p.kh) * p.dh); let x = left + i32(kx * p.dw);
  if (y < 0 || x < 0 || y >= i32(p.ih) || x >= i32(p.iw)) { return 0f; }
  return x_at(((base + r / p.kh) * p.ih + u32(y)) * p.iw + u32(x));`,
    write: `let s = p.oh * p.ow; let c = batch * p.oc + m; let at = ((n / s) * p.G * p.oc + c) * s + n % s;
  y_put(at, finish_(${bias ? 'v + bias_at(c)' : 'v'}, at, c));`,
  };
  return launchesOf(product, small);
}

/** [∂y, weight, residual?, gate?] → ∂x; operands in this order. */
export function convInputGradLaunches(g: ConvSizes, small: boolean, epilogue: Epilogue = 'none'): ProductLaunches {
  const inputs = floats('g', 'w');
  const others = [...epilogueOperands(epilogue), ...floats('dx')];
  if (isDirect(g)) return alone(directInputGrad(g, [...inputs, ...others], epilogue));
  const product: TileProduct = {
    name: `convInputGrad|${epilogue}`,
    inputs,
    others,
    ...gathered(g, epilogue),
    m: g.inPerGroup,
    n: g.batch * g.height.input * g.width.input,
    k: g.outPerGroup * g.height.kernel * g.width.kernel,
    readA: 'let kk = p.kh * p.kw; return w_at(((batch * p.oc + k / kk) * p.ic + m) * kk + k % kk);',
    fixB: `left = i32(i % p.iw + p.pw); let r = i / p.iw; top = i32(r % p.ih + p.ph); base = ((r / p.ih) * p.G + batch) * p.oc;`,
    readB: `let kx = k % p.kw; let r = k / p.kw; let y = top - i32((r % p.kh) * p.dh); let x = left - i32(kx * p.dw);
  if (y < 0 || x < 0) { return 0f; }
  let oy = u32(y) / p.sh; let ox = u32(x) / p.sw;
  if (oy * p.sh != u32(y) || ox * p.sw != u32(x) || oy >= p.oh || ox >= p.ow) { return 0f; }
  return g_at(((base + r / p.kh) * p.oh + oy) * p.ow + ox);`,
    write: `let s = p.ih * p.iw; let c = batch * p.ic + m; let at = ((n / s) * p.G * p.ic + c) * s + n % s; dx_put(at, finish_(v, at, c));`,
  };
  return launchesOf(product, small);
}

/** [∂y, x] → ∂weight; operands in this order. */
export function convWeightGradLaunches(g: ConvSizes, small: boolean): ProductLaunches {
  const [inputs, others] = [floats('g', 'x'), floats('dw')];
  if (isDirect(g)) return alone(directWeightGrad(g, [...inputs, ...others]));
  const product: TileProduct = {
    name: 'convWeightGrad',
    inputs,
    others,
    ...common(g),
    m: g.outPerGroup,
    n: g.inPerGroup * g.height.kernel * g.width.kernel,
    k: g.batch * g.height.output * g.width.output,
    fastA: 'k',
    fastB: 'k',
    state: 'var<private> base_a: u32; var<private> top: i32; var<private> left: i32; var<private> base: u32;',
    fixA: 'let s = p.oh * p.ow; base_a = ((i / s) * p.G + batch) * p.oc * s + i % s;',
    readA: 'return g_at(base_a + m * p.oh * p.ow);',
    fixB: `left = i32((i % p.ow) * p.sw) - i32(p.pw); let r = i / p.ow; top = i32((r % p.oh) * p.sh) - i32(p.ph);
  base = ((r / p.oh) * p.G + batch) * p.ic;`,
    readB: `let kx = n % p.kw; let r = n / p.kw; let y = top + i32((r % p.kh) * p.dh); let x = left + i32(kx * p.dw);
  if (y < 0 || x < 0 || y >= i32(p.ih) || x >= i32(p.iw)) { return 0f; }
  return x_at(((base + r / p.kh) * p.ih + u32(y)) * p.iw + u32(x));`,
    write: 'dw_put((batch * p.M + m) * p.N + n, v);',
  };
  return launchesOf(product, small);
}

function direct(name: string, g: ConvSizes, operands: readonly WgslOperand[], n: number, epilogue: Epilogue, element: string): WgslLaunch {
  const kernel = wgslKernel(`direct:${name}|${epilogue}`, () => ({
    operands,
    params: [{ name: 'n', type: 'u32' }, ...PARAMS],
    workgroup: WALK_GROUP,
    body: `${epilogueText(epilogue)}\nfn element(i: u32) { ${element} }\n${walkText(operands)}`,
  }));
  return { kernel, args: [n, ...argsOf(g)], groups: walkGroups(operands, n) };
}

function directForward(g: ConvSizes, operands: readonly WgslOperand[], bias: boolean, epilogue: Epilogue): WgslLaunch {
  const n = g.batch * g.groups * g.outPerGroup * g.height.output * g.width.output;
  return direct(
    `forward${bias ? '+bias' : ''}`,
    g,
    operands,
    n,
    epilogue,
    `
  let ox = i % p.ow; var r = i / p.ow; let oy = r % p.oh; r /= p.oh; let c = r % (p.G * p.oc); let image = r / (p.G * p.oc);
  let top = i32(oy * p.sh) - i32(p.ph); let left = i32(ox * p.sw) - i32(p.pw); var sum = ${bias ? 'bias_at(c)' : '0f'};
  for (var k = 0u; k < p.ic; k++) { let plane = (image * p.G + c / p.oc) * p.ic + k;
    for (var ky = 0u; ky < p.kh; ky++) { let y = top + i32(ky * p.dh); if (y < 0 || y >= i32(p.ih)) { continue; }
      for (var kx = 0u; kx < p.kw; kx++) { let x = left + i32(kx * p.dw); if (x < 0 || x >= i32(p.iw)) { continue; }
        sum = fma(x_at((plane * p.ih + u32(y)) * p.iw + u32(x)), w_at(((c * p.ic + k) * p.kh + ky) * p.kw + kx), sum); } } }
  y_put(i, finish_(sum, i, c));`,
  );
}

function directInputGrad(g: ConvSizes, operands: readonly WgslOperand[], epilogue: Epilogue): WgslLaunch {
  const n = g.batch * g.groups * g.inPerGroup * g.height.input * g.width.input;
  return direct(
    'inputGrad',
    g,
    operands,
    n,
    epilogue,
    `
  let ix = i % p.iw; var r = i / p.iw; let iy = r % p.ih; r /= p.ih; let c = r % (p.G * p.ic); let image = r / (p.G * p.ic);
  let bottom = i32(iy + p.ph); let right = i32(ix + p.pw); let group = c / p.ic; var sum = 0f;
  for (var k = 0u; k < p.oc; k++) { let o = group * p.oc + k; let plane = image * p.G * p.oc + o;
    for (var ky = 0u; ky < p.kh; ky++) { let y = bottom - i32(ky * p.dh); let oy = u32(max(y, 0)) / p.sh;
      if (y < 0 || oy * p.sh != u32(y) || oy >= p.oh) { continue; }
      for (var kx = 0u; kx < p.kw; kx++) { let x = right - i32(kx * p.dw); let ox = u32(max(x, 0)) / p.sw;
        if (x < 0 || ox * p.sw != u32(x) || ox >= p.ow) { continue; }
        sum = fma(g_at((plane * p.oh + oy) * p.ow + ox), w_at(((o * p.ic + c % p.ic) * p.kh + ky) * p.kw + kx), sum); } } }
  dx_put(i, finish_(sum, i, c));`,
  );
}

/** A workgroup for each weight. */
function directWeightGrad(g: ConvSizes, operands: readonly WgslOperand[]): WgslLaunch {
  const n = g.groups * g.outPerGroup * g.inPerGroup * g.height.kernel * g.width.kernel;
  const kernel = wgslKernel('direct:weightGrad', () => ({
    operands,
    params: PARAMS,
    workgroup: WALK_GROUP,
    body: `var<workgroup> sums: array<f32, ${WALK_THREADS}>;
fn run(i: u32, local: vec3u, thread: u32) {
  let kx = i % p.kw; var r = i / p.kw; let ky = r % p.kh; r /= p.kh; let k = r % p.ic; let o = r / p.ic; let group = o / p.oc;
  let total = p.images * p.oh * p.ow; var sum = 0f;
  for (var j = thread; j < total; j += ${WALK_THREADS}u) {
    let ox = j % p.ow; let rest = j / p.ow; let oy = rest % p.oh; let image = rest / p.oh;
    let y = i32(oy * p.sh + ky * p.dh) - i32(p.ph); let x = i32(ox * p.sw + kx * p.dw) - i32(p.pw);
    if (y < 0 || x < 0 || y >= i32(p.ih) || x >= i32(p.iw)) { continue; }
    sum = fma(g_at(((image * p.G * p.oc + o) * p.oh + oy) * p.ow + ox), x_at((((image * p.G + group) * p.ic + k) * p.ih + u32(y)) * p.iw + u32(x)), sum);
  }
  sums[thread] = sum; workgroupBarrier();
  for (var half = ${WALK_THREADS / 2}u; half > 0u; half = half >> 1u) { if (thread < half) { sums[thread] += sums[thread + half]; } workgroupBarrier(); }
  if (thread == 0u) { dw_put(i, sums[0]); }
}`,
  }));
  return { kernel, args: argsOf(g), groups: n };
}
