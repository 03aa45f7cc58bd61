/** Figures of sizes, counts and sums. */
import { useMemo, useState } from 'preact/hooks';
import { convParameters, correlate, EDGE, layerRows, learnKernel, pooled, slide, STRIPES, type Grid } from '../../../../core/learn/live.ts';
import type { LayerSpec, NetworkSpec } from '../../../../core/spec.ts';
import { NumberGrid, short, Stepper } from './grid.tsx';

/** One row of the picture with its border of zeros, and the kernel at one of its places. */
function SlideRow({ input, kernel, stride, padding, output }: { readonly input: number; readonly kernel: number; readonly stride: number; readonly padding: number; readonly output: number | undefined }) {
  const [wanted, setPlace] = useState(0);
  const places = output ?? 0;
  const place = Math.min(wanted, Math.max(0, places - 1));
  const cells = input + 2 * padding;
  const width = 560;
  const side = Math.min(32, width / cells);
  const start = place * stride;
  return (
    <div>
      <svg viewBox={`0 0 ${Math.ceil(Math.max(200, cells * side))} 76`} class="slide-row" role="img" aria-label={`A row of ${input} pixels with ${padding} zeros on each side; the kernel covers ${kernel} of them, ${places} places in all`}>
        {Array.from({ length: cells }, (_, i) => {
          const isZero = i < padding || i >= cells - padding;
          return <rect key={i} x={i * side + 1} y={8} width={side - 2} height={24} rx={2} class={isZero ? 'zero' : 'pixel'} />;
        })}
        {places > 0 && <rect x={start * side} y={4} width={kernel * side} height={32} rx={3} class="window" />}
        {Array.from({ length: places }, (_, i) => {
          const x = (i * stride + kernel / 2) * side;
          return <circle key={i} cx={x} cy={56} r={Math.min(7, side / 2.6)} class={i === place ? 'place now' : 'place'} />;
        })}
      </svg>
      {places > 1 && <Stepper label="Place of the kernel" value={place + 1} min={1} max={places} onChange={(value) => setPlace(value - 1)} />}
    </div>
  );
} // prettier-ignore

export function SlideFigure() {
  const [input, setInput] = useState(12);
  const [kernel, setKernel] = useState(3);
  const [stride, setStride] = useState(1);
  const [padding, setPadding] = useState(0);
  const { output, formula, note } = useMemo(() => slide(input, kernel, stride, padding), [input, kernel, stride, padding]);
  return (
    <div>
      <div class="steppers">
        <Stepper label="W, picture" value={input} min={1} max={32} onChange={setInput} />
        <Stepper label="F, kernel" value={kernel} min={1} max={11} onChange={setKernel} />
        <Stepper label="S, stride" value={stride} min={1} max={6} onChange={setStride} />
        <Stepper label="P, padding" value={padding} min={0} max={5} onChange={setPadding} />
      </div>
      <SlideRow input={input} kernel={kernel} stride={stride} padding={padding} output={output} />
      <p class={output === undefined ? 'formula error' : 'formula'} aria-live="polite">
        {formula}
        {note !== '' && <span class="muted"> ({note})</span>}
      </p>
    </div>
  );
}

export function ParametersFigure() {
  const [filters, setFilters] = useState(10);
  const [kernel, setKernel] = useState(3);
  const [depth, setDepth] = useState(3);
  const [bias, setBias] = useState(true);
  const { formula } = useMemo(() => convParameters(filters, kernel, depth, bias), [filters, kernel, depth, bias]);
  return (
    <div>
      <div class="steppers">
        <Stepper label="K, filters" value={filters} min={1} max={64} onChange={setFilters} />
        <Stepper label="F, kernel" value={kernel} min={1} max={11} onChange={setKernel} />
        <Stepper label="D, channels in" value={depth} min={1} max={64} onChange={setDepth} />
        <label class="stepper">
          <span>Biases</span>
          <input type="checkbox" checked={bias} onChange={(event) => setBias(event.currentTarget.checked)} />
        </label>
      </div>
      <p class="formula" aria-live="polite">
        {formula}
      </p>
    </div>
  );
}

/** The same network with another kernel in all convolutions of more than one pixel. */
const withKernel = (network: NetworkSpec, kernelSize: number): NetworkSpec => ({
  ...network,
  layers: network.layers.map((layer): LayerSpec => (layer.kind === 'conv2d' && layer.kernelSize > 1 ? { ...layer, kernelSize } : layer)),
});

export function LayersFigure({ network }: { readonly network: NetworkSpec }) {
  const [size, setSize] = useState(network.size);
  const [kernel, setKernel] = useState(0);
  const shown = useMemo(() => ({ ...(kernel === 0 ? network : withKernel(network, kernel)), size }), [network, size, kernel]);
  const { rows, error } = useMemo(() => layerRows(shown), [shown]);
  return (
    <div>
      <div class="steppers">
        <Stepper label="Side of the picture" value={size} min={8} max={160} onChange={setSize} />
        <label class="stepper">
          <span>Kernels</span>
          <select value={String(kernel)} onChange={(event) => setKernel(Number(event.currentTarget.value))}>
            <option value="0">as they are</option>
            {[3, 5, 7].map((value) => (
              <option key={value} value={String(value)}>
                all {value} × {value}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="scroll" tabindex={0} role="region" aria-label="Layers of the network">
        <table class="layers">
          <thead>
            <tr>
              <th scope="col">Layer</th>
              <th scope="col">Comes out</th>
              <th scope="col">Parameters</th>
              <th scope="col">Size, worked out</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ layer, output, size: formula, parameters }, i) => (
              <tr key={i}>
                <th scope="row">
                  <code>{layer}</code>
                </th>
                <td>{output.join(' × ')}</td>
                <td title={parameters.formula}>{parameters.count.toLocaleString('en-US')}</td>
                <td>{formula}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {error !== undefined && <p class="error">{error}</p>}
    </div>
  );
}

export function PoolFigure() {
  const [values, setValues] = useState<Grid>([
    [1, 3, 2, 0],
    [4, 6, 1, 2],
    [0, 2, 9, 7],
    [1, 1, 5, 8],
  ]);
  const [kind, setKind] = useState<'max' | 'average'>('max');
  const [at, point] = useState<readonly [number, number]>([0, 0]);
  const output = useMemo(() => pooled(values, kind, 2, 2), [values, kind]);
  const change = (row: number, column: number, value: number): void =>
    setValues(values.map((line, r) => line.map((old, c) => (r === row && c === column ? value : old))));
  return (
    <div>
      <div class="row" role="group" aria-label="Kind of pooling">
        {(['max', 'average'] as const).map((one) => (
          <button key={one} type="button" aria-pressed={kind === one} onClick={() => setKind(one)}>
            {one === 'max' ? 'Largest' : 'Mean'}
          </button>
        ))}
      </div>
      <div class="figure-row">
        <NumberGrid
          values={values}
          caption="A map (change the numbers)"
          onChange={change}
          marked={(row, column) => row >> 1 === at[0] && column >> 1 === at[1]}
        />
        <NumberGrid
          values={output}
          caption="After pooling, 2 × 2"
          onPoint={(row, column) => point([row, column])}
          marked={(row, column) => row === at[0] && column === at[1]}
        />
      </div>
    </div>
  );
}

export function CorrelateFigure() {
  const [input, setInput] = useState<Grid>([
    [0, 1, 2],
    [3, 4, 5],
    [6, 7, 8],
  ]);
  const [kernel, setKernel] = useState<Grid>([
    [0, 1],
    [2, 3],
  ]);
  const [padding, setPadding] = useState(0);
  const [stride, setStride] = useState(1);
  const [wanted, point] = useState<readonly [number, number]>([0, 0]);
  const output = useMemo(() => correlate(input, kernel, { stride, padding }), [input, kernel, stride, padding]);
  const at = [Math.min(wanted[0], output.length - 1), Math.min(wanted[1], output[0]!.length - 1)] as const;
  const set = (grid: Grid, put: (grid: Grid) => void) => (row: number, column: number, value: number) =>
    put(grid.map((line, r) => line.map((old, c) => (r === row && c === column ? value : old))));
  const [top, left] = [at[0] * stride - padding, at[1] * stride - padding];
  const products = kernel.flatMap((line, r) => line.map((weight, c) => `${short(input[top + r]?.[left + c] ?? 0)}·${short(weight)}`));
  const covers = (row: number, column: number): boolean => row >= top && row < top + 2 && column >= left && column < left + 2;
  return (
    <div>
      <div class="steppers">
        <Stepper label="Padding" value={padding} min={0} max={2} onChange={setPadding} />
        <Stepper label="Stride" value={stride} min={1} max={2} onChange={setStride} />
      </div>
      <div class="figure-row">
        <NumberGrid values={input} caption="Picture" onChange={set(input, setInput)} marked={covers} />
        <NumberGrid values={kernel} caption="Kernel" onChange={set(kernel, setKernel)} />
        <NumberGrid
          values={output}
          caption="Output (point at a number)"
          onPoint={(row, column) => point([row, column])}
          marked={(row, column) => row === at[0] && column === at[1]}
        />
      </div>
      <p class="formula" aria-live="polite">
        {products.join(' + ')} = {short(output[at[0]]![at[1]]!)}
      </p>
    </div>
  );
}

/** Steps that one can make. */
const STEPS = 40;

export function LearnKernelFigure() {
  const [rate, setRate] = useState(0.03);
  const [done, setDone] = useState(0);
  const start = [0.2, 0.4] as const;
  const steps = useMemo(() => learnKernel(start, STEPS, rate), [rate]);
  const kernel = done === 0 ? start : steps[done - 1]!.kernel;
  const loss = steps[Math.min(done, STEPS - 1)]!.loss;
  const diverged = !Number.isFinite(loss) || loss > 1e4;
  const row = correlate([STRIPES[0]!], [kernel])[0]!;
  return (
    <div>
      <div class="row">
        <button type="button" disabled={done >= STEPS - 1} onClick={() => setDone(Math.min(STEPS - 1, done + 1))}>
          One step
        </button>
        <button type="button" disabled={done >= STEPS - 1} onClick={() => setDone(Math.min(STEPS - 1, done + 10))}>
          Ten steps
        </button>
        <button type="button" onClick={() => setDone(0)}>
          From the beginning
        </button>
        <label>
          Learning rate{' '}
          <select
            value={String(rate)}
            onChange={(event) => {
              setRate(Number(event.currentTarget.value));
              setDone(0);
            }}
          >
            {[0.005, 0.03, 0.1].map((value) => (
              <option key={value} value={String(value)}>
                {value}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="figure-row">
        <NumberGrid values={[kernel]} caption={`Kernel after ${done} steps`} />
        <NumberGrid values={EDGE} caption="Looked for" />
      </div>
      <NumberGrid values={[row, correlate([STRIPES[0]!], EDGE)[0]!]} caption="What it gives, and below what shall come out" />
      <p class="formula" aria-live="polite">
        Loss {diverged ? 'far too large: the steps jump over the goal, take a smaller learning rate' : loss.toPrecision(3)}
      </p>
    </div>
  );
}
