/** Figures that work on a picture: a kernel over it, what follows, and augmentation. */
import { useMemo, useState } from 'preact/hooks';
import { augmented, filtered, type Grid } from '../../../../core/learn/live.ts';
import { SAMPLES } from '../../../../core/samples.ts';
import type { Picture } from '../../../../core/spec.ts';
import { pictures } from '../../../state/project.ts';
import { PictureView } from '../../../ui/picture.tsx';
import { MapPicture, NumberGrid } from './grid.tsx';

const SAMPLE = SAMPLES.shapes.make(1, 5);
/** Of the reader's own, beside the samples. */
const OWN = 4;

const KERNELS: readonly (readonly [string, Grid])[] = [
  ['Edges, standing (Sobel)', [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]],
  ['Edges, lying (Sobel)', [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]],
  ['Edges all around', [[0, 1, 0], [1, -4, 1], [0, 1, 0]]],
  ['Sharper', [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]],
  ['Mean of the neighbours', [[0.11, 0.11, 0.11], [0.11, 0.11, 0.11], [0.11, 0.11, 0.11]]],
  ['Nothing (the pixel itself)', [[0, 0, 0], [0, 1, 0], [0, 0, 0]]],
]; // prettier-ignore

function usePicture(): readonly [Picture, preact.JSX.Element] {
  const own = pictures.value.filter(({ origin }) => origin !== 'sample').slice(0, OWN);
  const choices = [...own, ...SAMPLE];
  const [chosen, choose] = useState(0);
  const picture = choices[Math.min(chosen, choices.length - 1)]!;
  const chooser = (
    <div class="choices" role="group" aria-label="Picture">
      {choices.map((choice, i) => (
        <button key={choice.id} type="button" aria-pressed={choice === picture} aria-label={choice.name} onClick={() => choose(i)}>
          <PictureView picture={choice} />
        </button>
      ))}
    </div>
  );
  return [picture, chooser];
}

function useKernel(): readonly [Grid, preact.JSX.Element] {
  const [kernel, setKernel] = useState<Grid>(KERNELS[0]![1]);
  const preset = KERNELS.findIndex(([, values]) => values === kernel);
  const change = (row: number, column: number, value: number): void =>
    setKernel(kernel.map((line, r) => line.map((old, c) => (r === row && c === column ? value : old))));
  const chooser = (
    <div class="kernel">
      <label>
        Kernel{' '}
        <select value={String(preset)} onChange={(event) => setKernel(KERNELS[Number(event.currentTarget.value)]![1])}>
          {preset === -1 && <option value="-1">Your own</option>}
          {KERNELS.map(([name], i) => (
            <option key={name} value={String(i)}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <NumberGrid values={kernel} caption="The kernel’s numbers" onChange={change} />
    </div>
  );
  return [kernel, chooser];
}

export function FilterFigure() {
  const [picture, choosePicture] = usePicture();
  const [kernel, chooseKernel] = useKernel();
  const { grey, map } = useMemo(() => filtered(picture, kernel), [picture, kernel]);
  return (
    <div>
      {choosePicture}
      <div class="figure-row">
        <MapPicture values={grey} title="The picture in grey" colours="grey" />
        {chooseKernel}
        <MapPicture values={map} title="What comes out" colours="signed" />
      </div>
      <p class="muted">Orange is above zero: the picture looks like the kernel there. Blue is below zero, its opposite.</p>
    </div>
  );
}

export function MapsFigure() {
  const [picture, choosePicture] = usePicture();
  const [kernel, chooseKernel] = useKernel();
  const { map, rectified, pooled } = useMemo(() => filtered(picture, kernel), [picture, kernel]);
  return (
    <div>
      {choosePicture}
      <div class="figure-row">
        {chooseKernel}
        <MapPicture values={map} title="1. Convolution" colours="signed" />
        <MapPicture values={rectified} title="2. ReLU" colours="signed" />
        <MapPicture values={pooled} title="3. Max pooling" colours="signed" />
      </div>
    </div>
  );
}

export function AugmentFigure() {
  const [picture, choosePicture] = usePicture();
  const [seed, setSeed] = useState(1);
  const [degrees, setDegrees] = useState(10);
  const changed = useMemo(() => augmented(picture, 8, seed, degrees), [picture, seed, degrees]);
  return (
    <div>
      {choosePicture}
      <div class="row">
        <button type="button" onClick={() => setSeed(seed + 1)}>
          Draw again
        </button>
        <label>
          Turned by up to{' '}
          <select value={String(degrees)} onChange={(event) => setDegrees(Number(event.currentTarget.value))}>
            {[0, 10, 30, 90].map((value) => (
              <option key={value} value={String(value)}>
                {value}°
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="changed">
        {changed.map(({ rgb, flipped, degrees: turned }, i) => {
          const how = `${flipped ? 'flipped, ' : ''}${String(Math.round(turned) + 0).replace('-', '−')}°`;
          const shown = { ...picture, id: `${picture.id} ${seed} ${i}`, rgb };
          return (
            <figure key={i}>
              <PictureView picture={shown} alt={`${picture.name}, ${how}`} />
              <figcaption class="muted">{how}</figcaption>
            </figure>
          );
        })}
      </div>
    </div>
  );
}
