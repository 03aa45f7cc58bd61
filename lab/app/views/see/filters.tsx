/** The filters of convolutions and the weights of other blocks, with their gradients for the picture, and how they are spread. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { scaleOf } from '../../../core/look/colours.ts';
import { histogram } from '../../../core/look/histogram.ts';
import type { Look, Stage, StageParameters } from '../../../core/look/look.ts';
import { short, type Sum } from '../../../core/look/sum.ts';
import type { WeightKind } from '../../../core/look/weights.ts';
import { HeatCanvas } from './heat.tsx';
import { Histogram } from './histogram.tsx';
import { SumView } from './number.tsx';
import { looked, looking, problem } from './state.ts';
import { messageOf } from '../../../core/failure.ts';

/** Filters that are drawn at a time. */
const MOST_FILTERS = 32;
/** Channels that are drawn of each. */
const MOST_CHANNELS = 16;

interface Weights {
  readonly stage: Stage;
  readonly of: StageParameters;
}

/** Stages with weights: what the blocks' kinds say. */
const hasWeights = ({ kind }: Stage): boolean => kind === 'conv2d' || kind === 'linear' || kind === 'batchNorm2d';

/** Of the look that is shown; asked for with each look. */
function useWeights(look: Look | undefined, index: number | undefined): Weights | undefined {
  const [weights, setWeights] = useState<Weights | undefined>(undefined);
  useEffect(() => {
    const [run, stage] = [looking.value, index === undefined ? undefined : look?.stages[index]];
    let gone = false;
    if (run === undefined || stage?.gradient === undefined) return undefined;
    run.call('weightsOf', stage.index).then(
      (of) => {
        if (!gone && of !== undefined) setWeights({ stage, of });
      },
      (error: unknown) => (problem.value = messageOf(error)),
    );
    return () => void (gone = true);
  }, [look, index]);
  return weights?.stage.index === index ? weights : undefined;
}

export function Filters() {
  const look = looked.value;
  const stages = look?.stages.filter(hasWeights) ?? [];
  const [wished, setWished] = useState<number | undefined>(undefined);
  const index = stages.some((stage) => stage.index === wished) ? wished : stages[0]?.index;
  const weights = useWeights(look, index);
  if (look === undefined) return null;
  if (stages.length === 0) return <p class="muted">This network has no blocks with weights.</p>;
  return (
    <>
      <p>
        <label>
          Block{' '}
          <select value={index} onChange={({ currentTarget }) => setWished(Number(currentTarget.value))}>
            {stages.map(({ index: value, number, title }) => (
              <option key={value} value={value}>
                {number} {title}
              </option>
            ))}
          </select>
        </label>
      </p>
      {weights === undefined ? (
        <p class="muted">{look.stages[0]?.gradient === undefined ? 'Freeze the camera to see weights and gradients.' : 'One moment …'}</p>
      ) : (
        <WeightsShown key={index} weights={weights} look={look} />
      )}
    </>
  );
}

interface Picked {
  readonly kind: WeightKind;
  readonly at: number;
}

function WeightsShown({ weights: { stage, of }, look }: { readonly weights: Weights; readonly look: Look }) {
  const [gradients, setGradients] = useState(false);
  const [picked, setPicked] = useState<Picked | undefined>(undefined);
  const { weight, weightGradient, bias } = of;
  const conv = stage.kind === 'conv2d' && weight !== undefined;
  return (
    <>
      <div class="row">
        <Histogram title={`${weight?.length ?? 0} weights`} of={useMemo(() => histogram(weight ?? []), [weight])} />
        <Histogram title="their gradients for this picture" of={useMemo(() => histogram(weightGradient ?? []), [weightGradient])} />
      </div>
      <div class="row see-showing" role="group" aria-label="What is drawn">
        <button type="button" aria-pressed={!gradients} onClick={() => setGradients(false)}>
          Weights
        </button>
        <button type="button" aria-pressed={gradients} onClick={() => setGradients(true)}>
          Their gradients
        </button>
        <span class="muted small">Choose a weight to see its gradient as a sum.</span>
      </div>
      {conv ? (
        <FilterGrid
          of={of}
          values={gradients ? weightGradient! : weight}
          coloured={!gradients && of.weightShape[1] === 3 && look.stages[stage.from[0]!]?.kind === 'input'}
          onPick={(at) => setPicked({ kind: 'weight', at })}
        />
      ) : (
        <Matrix
          of={of}
          values={(gradients ? weightGradient : weight) ?? new Float32Array(0)}
          onPick={(at) => setPicked({ kind: 'weight', at })}
        />
      )}
      {bias !== undefined && (
        <p class="row">
          <span class="muted small">{stage.kind === 'batchNorm2d' ? 'Shifts' : 'Biases'}:</span>
          <span class="sums">
            {[...bias].slice(0, 64).map((value, at) => (
              <button
                key={at}
                type="button"
                aria-pressed={picked?.kind === 'bias' && picked.at === at}
                onClick={() => setPicked({ kind: 'bias', at })}
              >
                {short(gradients ? of.biasGradient![at]! : value)}
              </button>
            ))}
          </span>
        </p>
      )}
      <WeightPanel stage={stage} of={of} look={look} picked={picked} onPick={setPicked} />
    </>
  );
}

interface FilterGridProps {
  readonly of: StageParameters;
  readonly values: Float32Array;
  /** Three channels drawn as one picture in colours. */
  readonly coloured: boolean;
  readonly onPick: (at: number) => void;
}

/** A row of kernels for each filter. */
function FilterGrid({ of, values, coloured, onPick }: FilterGridProps) {
  const [filters, depth, kernel] = of.weightShape as readonly [number, number, number];
  const { most } = useMemo(() => scaleOf(values), [values]);
  const area = kernel * kernel;
  const rows = useMemo(
    () =>
      Array.from({ length: Math.min(filters, MOST_FILTERS) }, (_, filter) =>
        Array.from({ length: Math.min(depth, MOST_CHANNELS) }, (_, d) =>
          values.subarray((filter * depth + d) * area, (filter * depth + d + 1) * area),
        ),
      ),
    [values],
  );
  return (
    <>
      <ol class="filters">
        {rows.map((kernels, filter) => (
          <li key={filter} class="card">
            <span class="small muted">filter {filter + 1}</span>
            <div class="kernels">
              {coloured && <ColourKernel kernels={kernels} kernel={kernel} most={most} label={`Filter ${filter + 1} in colours`} />}
              {kernels.map((kernelValues, d) => (
                <HeatCanvas
                  key={d}
                  columns={kernel}
                  values={kernelValues}
                  most={most}
                  caption={coloured ? ['red', 'green', 'blue'][d]! : `channel ${d + 1}`}
                  onPick={(at) => onPick((filter * depth + d) * area + at)}
                />
              ))}
            </div>
          </li>
        ))}
      </ol>
      {(filters > MOST_FILTERS || depth > MOST_CHANNELS) && (
        <p class="muted small">
          The first {Math.min(filters, MOST_FILTERS)} of {filters} filters, the first {Math.min(depth, MOST_CHANNELS)} of {depth} channels
          of each.
        </p>
      )}
    </>
  );
}

/** Red, green and blue of the weights: grey is 0. */
function ColourKernel({
  kernels,
  kernel,
  most,
  label,
}: {
  readonly kernels: readonly Float32Array[];
  readonly kernel: number;
  readonly most: number;
  readonly label: string;
}) {
  const byte = (value: number): number => Math.round(127.5 + (most > 0 ? value / most : 0) * 127.5);
  return (
    <figure class="heat colours">
      <figcaption>colours</figcaption>
      <svg viewBox={`0 0 ${kernel} ${kernel}`} role="img" aria-label={label} shape-rendering="crispEdges">
        {Array.from({ length: kernel * kernel }, (_, i) => (
          <rect key={i} x={i % kernel} y={Math.floor(i / kernel)} width={1} height={1} fill={`rgb(${kernels.map((values) => byte(values[i]!)).join(' ')})`} />
        ))}
      </svg>
    </figure>
  ); // prettier-ignore
}

/** Weights of linear layers (a row for each output) and scales of batch norm. */
function Matrix({
  of,
  values,
  onPick,
}: {
  readonly of: StageParameters;
  readonly values: Float32Array;
  readonly onPick: (at: number) => void;
}) {
  const columns = of.weightShape.at(-1) ?? values.length;
  const rows = Math.min(64, Math.max(1, values.length / columns));
  const shown = useMemo(() => values.subarray(0, rows * columns), [values]);
  return (
    <div class="matrix">
      <HeatCanvas
        columns={columns}
        values={shown}
        onPick={onPick}
        caption={of.weightShape.length === 1 ? 'a scale for each map' : `a row for each of ${of.weightShape[0]} outputs, a column for each of ${columns} inputs`}
      />
    </div>
  ); // prettier-ignore
}

interface WeightPanelProps {
  readonly stage: Stage;
  readonly of: StageParameters;
  readonly look: Look;
  readonly picked: Picked | undefined;
  readonly onPick: (picked: Picked) => void;
}

function WeightPanel({ stage, of, look, picked, onPick }: WeightPanelProps) {
  const [found, setFound] = useState<(Picked & { readonly sum: Sum }) | undefined>(undefined);
  useEffect(() => {
    const run = looking.value;
    if (picked === undefined || run === undefined) return undefined;
    let gone = false;
    run.call('explainWeight', stage.index, picked.kind, picked.at).then(
      (sum) => {
        if (!gone && sum !== undefined) setFound({ ...picked, sum });
      },
      (error: unknown) => (problem.value = messageOf(error)),
    );
    return () => void (gone = true);
  }, [picked, look]);
  if (found === undefined)
    return (
      <section class="card weight-panel">
        <p class="muted">No weight has been chosen.</p>
      </section>
    );
  const { kind, at, sum } = found;
  const all = of[kind]!;
  const gradient = of[`${kind}Gradient`]!;
  const move = (by: number): void => onPick({ kind, at: (at + by + all.length) % all.length });
  return (
    <section class="card weight-panel" aria-label="One weight">
      <header class="number-head">
        <h3>
          {stage.number} {stage.title}
        </h3>
        <output aria-live="polite">
          {weightPlace(of, kind, at)}: <b>{short(all[at]!)}</b>, gradient <b>{short(gradient[at]!)}</b>
        </output>
        <span class="row">
          <button type="button" aria-label="Weight before" onClick={() => move(-1)}>
            ‹
          </button>
          <button type="button" aria-label="Next weight" onClick={() => move(1)}>
            ›
          </button>
        </span>
      </header>
      <SumView sum={sum} value={gradient[at]!} which={0} onWhich={() => undefined} />
      <p class="muted small">
        Training moves the weight against its gradient: a step of learning rate 0.1 for this picture alone would change it by{' '}
        {short(-0.1 * gradient[at]!)}.
      </p>
    </section>
  );
}

function weightPlace({ weightShape }: StageParameters, kind: WeightKind, at: number): string {
  if (kind === 'bias') return `bias ${at + 1}`;
  if (weightShape.length === 1) return `scale ${at + 1}`;
  if (weightShape.length === 2) return `output ${Math.floor(at / weightShape[1]!) + 1}, input ${(at % weightShape[1]!) + 1}`;
  const [, depth, height, width] = weightShape as readonly [number, number, number, number];
  const [column, row] = [at % width, Math.floor(at / width) % height];
  const channel = Math.floor(at / (width * height)) % depth;
  return `filter ${Math.floor(at / (width * height * depth)) + 1}, channel ${channel + 1}, row ${row + 1}, column ${column + 1}`;
}
