/**
 * Pooling of planes: one thread for each result, and in gradients for each element of the input, which gathers from the windows that it lies in; so
 * nothing is added by several threads, and sums have a fixed order.
 */
import { wgslKernel, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';
import { withMath } from './math.ts';
import { result, WALK_GROUP, walkGroups, walkText } from './walk.ts';

export interface PoolPlanes {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/** Windows that slide, or regions that share the plane evenly. */
export type PoolWindow = SlidingWindow | 'regions';
export interface SlidingWindow {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** What indices of winners count: elements of the window (bytes), or of the plane (int64). */
export type Winner = 'tap' | 'int64';
/** What a mean divides by: the window with its padding, what of it lies inside, or a number. */
export type Divisor = 'padded' | 'inside' | number;

const PARAMS: readonly WgslParam[] = [
  ...['n', 'h', 'w', 'oh', 'ow', 'kh', 'kw', 'sh', 'sw', 'ph', 'pw', 'dh', 'dw'].map((name) => ({ name, type: 'u32' as const })),
  { name: 'divisor', type: 'f32' },
];

function argsOf(n: number, g: PoolPlanes, window: PoolWindow, divisor = 1): number[] {
  const pairs =
    window === 'regions' ? Array.from({ length: 8 }, () => 1) : [...window.kernel, ...window.stride, ...window.padding, ...window.dilation];
  return [n, g.height, g.width, g.outHeight, g.outWidth, ...pairs, divisor];
}

const floats = (...names: readonly string[]): WgslOperand[] => names.map((name) => ({ name, dtype: 'float32' }));
const indexOperand = (winner: Winner): WgslOperand => (winner === 'tap' ? result('index', 'uint8') : { name: 'index', dtype: 'int64' });

function launch(name: string, operands: readonly WgslOperand[], args: readonly number[], element: string): WgslLaunch {
  const kernel = wgslKernel(`pool:${name}`, () => ({
    operands,
    params: PARAMS,
    workgroup: WALK_GROUP,
    body: withMath(`fn element(i: u32) { ${element} }\n${walkText(operands)}`),
  }));
  return { kernel, args, groups: walkGroups(operands, args[0]!) };
}

/** Of result i: `ox`, `oy`, `plane` (the plane's first element). */
const RESULT = 'let ox = i % p.ow; let oy = (i / p.ow) % p.oh; let plane = (i / (p.ow * p.oh)) * p.h * p.w;';
/** Of element i of the input: `x`, `y`, `small` (the first result of its plane). */
const ELEMENT = 'let x = i % p.w; let y = (i / p.w) % p.h; let small = (i / (p.w * p.h)) * p.oh * p.ow;';

/** Runs `body` for every element (`y`, `x`, both u32) of the window of a result, with its number `tap`. */
const visit = (window: PoolWindow, body: string): string =>
  window === 'regions'
    ? `for (var y = (oy * p.h) / p.oh; y < ((oy + 1u) * p.h + p.oh - 1u) / p.oh; y++) {
    for (var x = (ox * p.w) / p.ow; x < ((ox + 1u) * p.w + p.ow - 1u) / p.ow; x++) { let tap = 0u; ${body} } }`
    : `for (var ky = 0u; ky < p.kh; ky++) { let sy = i32(oy * p.sh + ky * p.dh) - i32(p.ph); if (sy < 0 || sy >= i32(p.h)) { continue; }
    for (var kx = 0u; kx < p.kw; kx++) { let sx = i32(ox * p.sw + kx * p.dw) - i32(p.pw); if (sx < 0 || sx >= i32(p.w)) { continue; }
      let y = u32(sy); let x = u32(sx); let tap = ky * p.kw + kx; ${body} } }`;

/** Runs `body` for every result (`oy`, `ox`) whose window the element lies in, with its number `tap` there. */
const covering = (window: PoolWindow, body: string): string =>
  window === 'regions'
    ? `for (var oy = (y * p.oh) / p.h; oy < ((y + 1u) * p.oh + p.h - 1u) / p.h; oy++) {
    for (var ox = (x * p.ow) / p.w; ox < ((x + 1u) * p.ow + p.w - 1u) / p.w; ox++) { let tap = 0u; ${body} } }`
    : `for (var ky = 0u; ky < p.kh; ky++) { let by = i32(y + p.ph) - i32(ky * p.dh); let oy = u32(max(by, 0)) / p.sh;
    if (by < 0 || oy * p.sh != u32(by) || oy >= p.oh) { continue; }
    for (var kx = 0u; kx < p.kw; kx++) { let bx = i32(x + p.pw) - i32(kx * p.dw); let ox = u32(max(bx, 0)) / p.sw;
      if (bx < 0 || ox * p.sw != u32(bx) || ox >= p.ow) { continue; }
      let tap = ky * p.kw + kx; ${body} } }`;

const shown = (window: PoolWindow): string => (window === 'regions' ? 'regions' : 'windows');
const resultsOf = (g: PoolPlanes): number => g.planes * g.outHeight * g.outWidth;
const elementsOf = (g: PoolPlanes): number => g.planes * g.height * g.width;

/** x → [y, index]: the largest, the first of equals; NaN wins, the last of several. */
export function maxPoolLaunch(g: PoolPlanes, window: PoolWindow, winner: Winner): WgslLaunch {
  const operands = [...floats('x', 'y'), indexOperand(winner)];
  const at = winner === 'tap' ? 'tap' : 'i32(y * p.w + x)';
  return launch(
    `max|${shown(window)}|${winner}`,
    operands,
    argsOf(resultsOf(g), g, window),
    `${RESULT}
  var best = 0f; var at = ${winner === 'tap' ? '0u' : '0'}; var any = false;
  ${visit(window, `let v = x_at(plane + y * p.w + x); if (!any || v > best || is_nan(v)) { best = v; at = ${at}; any = true; }`)}
  y_put(i, best); index_put(i, at);`,
  );
}

/** [∂y, index] → ∂x */
export function maxPoolGradLaunch(g: PoolPlanes, window: PoolWindow, winner: Winner): WgslLaunch {
  const operands = [...floats('g'), indexOperand(winner), ...floats('dx')].map(plain);
  const isMine = winner === 'tap' ? 'index_at(at) == tap' : 'index_at(at) == i32(y * p.w + x)';
  return launch(
    `maxGrad|${shown(window)}|${winner}`,
    operands,
    argsOf(elementsOf(g), g, window),
    `${ELEMENT} var sum = 0f;
  ${covering(window, `let at = small + oy * p.ow + ox; if (${isMine}) { sum += g_at(at); }`)}
  dx_put(i, sum);`,
  );
}

/** [x, index] → x at the winners */
export function pickMaxLaunch(g: PoolPlanes, window: PoolWindow, winner: Winner): WgslLaunch {
  const operands = [...floats('x'), indexOperand(winner), ...floats('y')].map(plain);
  const place =
    winner === 'tap'
      ? `let tap = index_at(i); let at = (oy * p.sh + (tap / p.kw) * p.dh - p.ph) * p.w + ox * p.sw + (tap % p.kw) * p.dw - p.pw;`
      : 'let at = u32(index_at(i));';
  return launch(
    `pick|${shown(window)}|${winner}`,
    operands,
    argsOf(resultsOf(g), g, window),
    `${RESULT} ${place}
  y_put(i, x_at(plane + at));`,
  );
}

/** An operand that is only read. */
const plain = ({ name, dtype }: WgslOperand): WgslOperand => ({ name, dtype });

/** The number that result (oy, ox) is divided by. */
function divisorText(window: PoolWindow, divisor: Divisor): string {
  if (typeof divisor === 'number') return 'p.divisor';
  if (window === 'regions') {
    return `f32((((oy + 1u) * p.h + p.oh - 1u) / p.oh - (oy * p.h) / p.oh) * (((ox + 1u) * p.w + p.ow - 1u) / p.ow - (ox * p.w) / p.ow))`;
  }
  const along = (o: string, s: string, pad: string, k: string, size: string): string =>
    divisor === 'padded'
      ? `(min(${o} * ${s} + ${k}, ${size} + 2u * ${pad}) - ${o} * ${s})`
      : `u32(min(i32(${o} * ${s} + ${k}) - i32(${pad}), i32(${size})) - max(i32(${o} * ${s}) - i32(${pad}), 0))`;
  return `f32(${along('oy', 'p.sh', 'p.ph', 'p.kh', 'p.h')} * ${along('ox', 'p.sw', 'p.pw', 'p.kw', 'p.w')})`;
}

const divisorKey = (divisor: Divisor): string => (typeof divisor === 'number' ? 'number' : divisor);
const numberOf = (divisor: Divisor): number => (typeof divisor === 'number' ? divisor : 1);

/** x → means of windows */
export function avgPoolLaunch(g: PoolPlanes, window: PoolWindow, divisor: Divisor): WgslLaunch {
  const args = argsOf(resultsOf(g), g, window, numberOf(divisor));
  return launch(
    `avg|${shown(window)}|${divisorKey(divisor)}`,
    floats('x', 'y'),
    args,
    `${RESULT} var sum = 0f;
  ${visit(window, 'sum += x_at(plane + y * p.w + x);')}
  y_put(i, sum / ${divisorText(window, divisor)});`,
  );
}

/** ∂y → ∂x */
export function avgPoolGradLaunch(g: PoolPlanes, window: PoolWindow, divisor: Divisor): WgslLaunch {
  const args = argsOf(elementsOf(g), g, window, numberOf(divisor));
  return launch(
    `avgGrad|${shown(window)}|${divisorKey(divisor)}`,
    floats('g', 'dx'),
    args,
    `${ELEMENT} var sum = 0f;
  ${covering(window, `sum += g_at(small + oy * p.ow + ox) / ${divisorText(window, divisor)};`)}
  dx_put(i, sum);`,
  );
}
