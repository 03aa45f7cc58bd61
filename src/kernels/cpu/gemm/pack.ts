/**
 * Packs a block of a matrix of any strides into panels for the register tile of `gemm.ts`: `width` rows side by side,
 * depth-major. The last panel is filled up with copies of the last row, whose products nobody reads.
 */
import { forStep, intFn, transposed, transposedInLanes, type ElementKit } from './tile.ts';
import { i32, load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';

/** Bytes of neighbouring rows that are read at a time: whole cache lines, each once. */
const STRIP_BYTES = 128;

/** A function that packs `count` rows over `depth`; steps in bytes. */
export function buildPackPanels(scope: KernelScope<ParamSpec>, kit: ElementKit, width: number): Fn {
  const panels = Math.max(1, Math.floor(STRIP_BYTES / (width * kit.bytes)));
  const strip = buildStrip(scope, kit, width, panels);
  const single = buildStrip(scope, kit, width, 1);
  const turn = buildTurn(scope, kit, width);
  const gather = buildGather(scope, kit, width);
  const names = ['src', 'rowStep', 'depthStep', 'count', 'depth', 'dst'] as const;
  return intFn(scope, `pack${width}`, names, (f, { src, rowStep, depthStep, count, depth, dst }) => {
    const row = f.let('row', i32(0));
    const panelBytes = f.let('panelBytes', depth.mul(width * kit.bytes));
    const whole = f.let('whole', count.sub(count.rem(width)));
    // A panel that is no multiple of a square reaches over its end there, so what comes last goes element by element.
    const turned = width % kit.lanes > 0 && kit.lanes % width > 0 ? depth.sub(1) : depth;
    const along = f.let('along', turned.sub(turned.rem(kit.lanes)));
    const eachPanel = (end: Expr, count: number, body: (from: Expr) => void): void => {
      const last = f.let('last', end.sub(count * width));
      f.while(row.le(last), () => {
        body(src.add(row.mul(rowStep)));
        f.inc(row, count * width);
        f.inc(dst, panelBytes.mul(count));
      });
    };
    f.if(rowStep.eq(kit.bytes), () => {
      eachPanel(whole, panels, (from) => f.call(strip, from, depthStep, depth, dst, panelBytes));
      eachPanel(whole, 1, (from) => f.call(single, from, depthStep, depth, dst, panelBytes));
    });
    f.if(depthStep.eq(kit.bytes), () =>
      eachPanel(whole, 1, (from) => {
        f.call(turn, from, rowStep, along, dst);
        f.call(gather, from, rowStep, depthStep, i32(width), along, depth, dst);
      }),
    );
    const padded = count.add(width - 1);
    eachPanel(padded.sub(padded.rem(width)), 1, (from) => f.call(gather, from, rowStep, depthStep, count.sub(row), i32(0), depth, dst));
  });
}

/** `panels` panels of rows that are neighbours in memory. */
function buildStrip(scope: KernelScope<ParamSpec>, kit: ElementKit, width: number, panels: number): Fn {
  const names = ['from', 'depthStep', 'depth', 'to', 'panelBytes'] as const;
  return intFn(scope, `strip${width}x${panels}`, names, (f, { from, depthStep, depth, to, panelBytes }) => {
    const outs: Local[] = [to];
    for (let q = 1; q < panels; q++) outs.push(f.let(`out${q}`, outs[q - 1]!.add(panelBytes)));
    f.for('k', 0, depth, () => {
      outs.forEach((out, q) => {
        const [type, step] = width % kit.lanes > 0 ? (['i64', 8] as const) : ([kit.vector, kit.vectorBytes] as const);
        for (let at = 0; at < width * kit.bytes; at += step) {
          f.store(type, out, load(type, from, q * width * kit.bytes + at), at);
        }
        f.inc(out, width * kit.bytes);
      });
      f.inc(from, depthStep);
    });
  });
}

/**
 * One panel of rows that lie along the depth: squares of vectors are transposed. `depth` is a multiple of the lanes. Where the panel is no multiple of
 * a square, the last square repeats a row, and what it writes too much is written over by what comes next.
 */
function buildTurn(scope: KernelScope<ParamSpec>, kit: ElementKit, width: number): Fn {
  return intFn(scope, `turn${width}`, ['from', 'rowStep', 'depth', 'to'], (f, { from, rowStep, depth, to }) => {
    const filled = width < kit.lanes && kit.lanes % width === 0; // few rows fill their vectors with several depths
    const square = filled ? width : kit.lanes;
    const step = filled ? kit.vectorBytes : width * kit.bytes;
    for (let v = Math.ceil(width / square - 1) * square; v >= 0; v -= square) {
      const rows = Array.from({ length: square }, (_, i) => f.let(`row${i}`, from.add(rowStep.mul(Math.min(v + i, width - 1)))));
      const out = f.let('out', to.add(v * kit.bytes));
      forStep(f, `k${v}`, [0, depth, kit.lanes], () => {
        const loaded = rows.map((row) => load(kit.vector, row));
        const turned = filled ? transposed(f, loaded, kit.lanes) : transposedInLanes(f, loaded, kit);
        turned.forEach((value, i) => f.store(kit.vector, out, value, i * step));
        for (const row of rows) f.inc(row, kit.vectorBytes);
        f.inc(out, kit.lanes * width * kit.bytes);
      });
    }
  });
}

/** One panel element by element, from depth `done` on; of its rows `valid` exist. */
function buildGather(scope: KernelScope<ParamSpec>, kit: ElementKit, width: number): Fn {
  const names = ['from', 'rowStep', 'depthStep', 'valid', 'done', 'depth', 'to'] as const;
  return intFn(scope, `gather${width}`, names, (f, { from, rowStep, depthStep, valid, done, depth, to }) => {
    f.for('q', 0, width, (q) => {
      const line = q.lt(valid).select(q, valid.sub(1));
      const at = f.let('at', from.add(line.mul(rowStep)).add(done.mul(depthStep)));
      const out = f.let('out', to.add(q.mul(kit.bytes)).add(done.mul(width * kit.bytes)));
      f.for('k', done, depth, () => {
        f.store(kit.element, out, load(kit.element, at));
        f.inc(at, depthStep);
        f.inc(out, width * kit.bytes);
      });
    });
  });
}
