/**
 * The inner loops of the correlation kernel (`correlate.ts`): a register tile of outputs × vectors of pixels over all
 * (channel, tap) pairs, and the loops over tiles and outputs around it.
 */
import { forStep, intFn, minI32, Tile, tileVectors, type ElementKit } from '../gemm/tile.ts';
import { i32, load, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';
import type { Epilogue } from '../../formula/epilogue.ts';
import { affineBytes, EPILOGUE_OPERANDS, finishResults } from './epilogue.ts';

/** Outputs × vectors of pixels. */
export interface CorrelateTile {
  readonly height: number;
  readonly vectors: number;
  /** Outputs of the last block of a group. */
  readonly lastHeight: number;
}

/** The register tile for a group with this many outputs. */
export function correlateTile(outputs: number, kit: ElementKit): CorrelateTile {
  const shape = outputs >= 3 ? { height: 4, vectors: tileVectors(kit) } : { height: outputs, vectors: 4 };
  return { ...shape, lastHeight: ((outputs - 1) % shape.height) + 1 };
}

const TILES_PARAMS = ['scratch', 'table', 'count', 'offsets', 'depth', 'weights', 'blockBytes', 'outputs', 'init', 'initRow', 'fromBias', 'out', 'outRow', 'direct', ...EPILOGUE_OPERANDS] as const; // prettier-ignore

/**
 * All tiles of one kind of a segment against all outputs. `whole` tiles are runs of neighbouring vectors, of which one
 * address is enough; the others are single vectors from anywhere, taken a few at a time.
 *
 * They start from `init` (the bias, or the accumulators' slots) and go to `out` (y directly, or the slots). Results that go to
 * y directly are finished as the epilogue says, with the operands that come last.
 */
export function buildTiles(
  scope: KernelScope<ParamSpec>,
  kit: ElementKit,
  shape: CorrelateTile & { readonly epilogue: Epilogue },
  whole: boolean,
): Fn {
  const { height, vectors, lastHeight } = shape;
  const main = buildMicro(scope, kit, shape, height, whole);
  const last = lastHeight === height ? main : buildMicro(scope, kit, shape, lastHeight, whole);
  const step = whole ? 1 : vectors;
  return intFn(scope, whole ? 'tiles' : 'singles', TILES_PARAMS, (f, a) => {
    const end = f.let('end', a.count.sub(1));
    forStep(f, 'm', [0, a.outputs, height], (m) => {
      const isLast = f.let('isLast', m.add(height).gt(a.outputs));
      forStep(f, 'v', [0, a.count, step], (v) => {
        const sources: Local[] = [];
        const inits: Local[] = [];
        const outs: Local[] = [];
        for (let j = 0; j < step; j++) {
          const at = j === 0 ? v : minI32(f, `v${j}`, v.add(j), end); // past the end: the last one once more
          const entry = f.let(`entry${j}`, a.table.add(at.mul(8)));
          sources.push(f.let(`x${j}`, a.scratch.add(load('i32', entry))));
          const slot = f.let(`slot${j}`, at.mul((whole ? vectors : 1) * kit.vectorBytes));
          inits.push(f.let(`init${j}`, a.init.add(a.fromBias.select(i32(0), slot))));
          outs.push(f.let(`out${j}`, a.out.add(a.direct.select(load('i32', entry, 4), slot))));
        }
        const call = (micro: Fn): void =>
          f.call(
            micro,
            ...sources,
            a.offsets,
            a.depth,
            a.weights,
            ...inits,
            a.initRow,
            ...outs,
            a.outRow,
            a.direct,
            ...EPILOGUE_OPERANDS.map((name) => a[name]),
          );
        if (last === main) call(main);
        else
          f.if(
            isLast,
            () => call(last),
            () => call(main),
          );
      });
      f.inc(a.weights, a.blockBytes);
      f.inc(a.init, a.initRow.mul(height));
      f.inc(a.out, a.outRow.mul(height));
      f.inc(a.affine, height * affineBytes(kit));
    });
  });
}

/** The register tile for `rows` outputs. `depth` is the size of the table of offsets in bytes. */
function buildMicro(
  scope: KernelScope<ParamSpec>,
  kit: ElementKit,
  { height, vectors, epilogue }: CorrelateTile & { readonly epilogue: Epilogue },
  rows: number,
  whole: boolean,
): Fn {
  const numbered = (name: string): string[] => Array.from({ length: whole ? 1 : vectors }, (_, j) => `${name}${j}`);
  const names = [
    ...numbered('x'),
    'offsets',
    'depth',
    'w',
    ...numbered('init'),
    'initRow',
    ...numbered('out'),
    'outRow',
    'direct',
    ...EPILOGUE_OPERANDS,
  ];
  return intFn(scope, `micro${rows}`, names, (f, args) => {
    const columns = (name: string): Local[] =>
      Array.from({ length: vectors }, (_, j) =>
        whole ? f.let(`${name}At${j}`, args[`${name}0`]!.add(j * kit.vectorBytes)) : args[`${name}${j}`]!,
      );
    const tile = new Tile(f, kit, rows, vectors);
    tile.load(columns('init'), args['initRow']!);
    // One counter for both tables: fewer instructions in the loop that matters most.
    forStep(f, 'r', [0, args['depth']!, 4], (r) => {
      const offset = f.let('offset', load('i32', args['offsets']!.add(r)));
      const at = numbered('x').map((name) => f.let(`${name}At`, offset.add(args[name]!)));
      const x = Array.from({ length: vectors }, (_, j) =>
        whole ? load(kit.vector, at[0]!, j * kit.vectorBytes) : load(kit.vector, at[j]!),
      );
      tile.outerStep(f.let('weight', args['w']!.add(r.mul((height * kit.bytes) / 4))), x);
    });
    const [outs, outRow] = [columns('out'), args['outRow']!];
    if (epilogue === 'none') {
      tile.store(outs, outRow);
      return;
    }
    // Sums that are not complete yet stay as they are.
    f.if(
      args['direct']!,
      () => {
        const [gate, residual, affine] = EPILOGUE_OPERANDS.map((name) => args[name]!) as [Local, Local, Local];
        tile.store(outs, outRow, finishResults(f, kit, epilogue, { gate, residual, affine }).vector);
      },
      () => tile.store(outs, outRow),
    );
  });
}
