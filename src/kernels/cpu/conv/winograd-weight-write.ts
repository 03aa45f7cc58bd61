/**
 * The end of a unit of Winograd's weight gradient that has all tiles: its sums are mapped from 6×6 to 3×3 and go to ∂w, whose rows are made in the
 * scratch. Vectors have a lane for each tap.
 */
import { forStep, intFn, transposedInLanes, type ElementKit } from '../gemm/tile.ts';
import { load, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';
import { outputTile } from './along-outputs.ts';
import { buildMap, REACH, TAPS } from './winograd-transforms.ts';

const GIVEN_PARAMS = {
  channels: 'i32',
  sumProduct: 'i32',
  sumPanel: 'i32',
  bandAt: 'i32',
  sumsAt: 'i32',
  rowsAt: 'i32',
  rowPitch: 'i32',
  dw: 'ptr',
  db: 'ptr',
} as const;

type Scope = KernelScope<typeof GIVEN_PARAMS>;
type Unit = Readonly<Record<'m0' | 'outputs' | 'c0' | 'channels' | 'sums' | 'biasSums' | 'hasBias', Local>>;

/** Bytes of nine vectors of taps, and of what {@link buildMap} needs, where bands have lain. */
const TAP_BYTES = (TAPS + 1) * 64;

export function buildWriteWeights(scope: Scope, kit: ElementKit): (unit: Unit) => void {
  const { f, p, scratch } = scope;
  const { panel } = outputTile(kit);
  const { bytes, lanes, element, vectorBytes } = kit;
  const map = buildMap(scope, kit, 'weightGradients');
  const turn = buildTurn(scope, kit);
  const copy = buildCopyRow(scope, kit);
  return ({ m0, outputs, c0, channels, sums, biasSums, hasBias }) => {
    const taps = f.let('taps', scratch.add(p.bandAt));
    const between = f.let('between', taps.add(TAP_BYTES));
    const rows = f.let('rows', scratch.add(p.rowsAt));
    const rowBytes = f.let('rowBytes', p.channels.mul(TAPS * bytes));
    const [fromRow, step] = [f.let('fromRow', p.sumProduct.mul(REACH)), vectorBytes];
    forStep(f, 'q', [0, outputs, lanes], (q) => {
      const from = f.let('from', sums.add(q.div(panel).mul(p.sumPanel)).add(q.rem(panel).mul(bytes)));
      const to = f.let('to', rows);
      f.for('c', 0, channels, () => {
        f.call(map, from, fromRow, p.sumProduct, taps, 3 * step, step, between, 0);
        f.call(turn, taps, to, p.rowPitch);
        f.inc(from, panel * bytes);
        f.inc(to, TAPS * bytes);
      });
      const out = f.let('out', p.dw.add(m0.add(q).mul(rowBytes)).add(c0.mul(TAPS * bytes)));
      const left = f.let('left', outputs.sub(q));
      f.for('i', 0, left.lt(lanes).select(left, lanes), (i) => {
        f.call(copy, rows.add(i.mul(p.rowPitch)), out, channels.mul(TAPS * bytes));
        f.inc(out, rowBytes);
      });
    });
    f.if(hasBias, () => {
      f.for('m', 0, outputs, (m) => {
        const at = m.mul(bytes);
        f.store(element, p.db.add(m0.mul(bytes)).add(at), load(element, biasSums.add(at)));
      });
    });
  };
}

/** Nine vectors of outputs become rows of nine taps, `pitch` bytes apart; what they write behind those is overwritten by the next channel. */
function buildTurn(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  const { lanes, vector, vectorBytes } = kit;
  return intFn(scope, 'turn', ['taps', 'to', 'pitch'], (f, { taps, to, pitch }) => {
    const rows = Array.from({ length: lanes }, (_, t) => load(vector, taps, Math.min(t, TAPS - 1) * vectorBytes));
    for (const row of transposedInLanes(f, rows, kit)) {
      f.store(vector, to, row);
      f.inc(to, pitch);
    }
  });
}

/** Copies a row: whole vectors, of which the last lies back, or the elements of a short one. */
function buildCopyRow(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  const { vector, vectorBytes, element, bytes } = kit;
  return intFn(scope, 'copyRow', ['from', 'to', 'size'], (f, { from, to, size }) => {
    const last = f.let('last', size.sub(vectorBytes));
    f.if(
      last.ge(0),
      () => {
        forStep(f, 'v', [0, last, vectorBytes], (v) => f.store(vector, to.add(v), load(vector, from.add(v))));
        f.store(vector, to.add(last), load(vector, from.add(last)));
      },
      () => forStep(f, 'e', [0, size, bytes], (e) => f.store(element, to.add(e), load(element, from.add(e)))),
    );
  });
}
