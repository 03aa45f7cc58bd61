/** What goes on in each block, as small bars. */
import type { LayerFacts } from '../../../core/layer-facts.ts';
import { percent } from '../../../core/words.ts';
import type { Run } from '../../state/run.ts';

export function BlocksPanel({ run }: { readonly run: Run }) {
  const layers = run.layers.value;
  return (
    <section class="card blocks-panel" aria-labelledby="blocks-title">
      <h3 id="blocks-title">Inside the network</h3>
      <p class="muted">
        Measured at the end of an epoch and after Step. Long bars are large numbers; each mark further is ten times as much.
      </p>
      {layers.length === 0 ? (
        <p class="muted">Shown after the first epoch.</p>
      ) : (
        <table class="blocks">
          <thead>
            <tr>
              <th scope="col">Block</th>
              <th scope="col">Size of what comes out</th>
              <th scope="col">Zeros</th>
              <th scope="col">Gradient of a weight</th>
            </tr>
          </thead>
          <tbody>
            {layers.map((facts) => (
              <BlockRow key={facts.place} facts={facts} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** Powers of ten at both ends of a bar. */
const SIZES = [-3, 2] as const;
const GRADIENTS = [-8, 1] as const;
const along = (value: number, [from, to]: readonly [number, number]): number =>
  Math.min(1, Math.max(0, (Math.log10(value) - from) / (to - from)));
const number = (value: number): string =>
  value === 0 ? '0' : value < 0.001 || value >= 1e4 ? value.toExponential(0) : String(Number(value.toPrecision(2)));

function BlockRow({ facts }: { readonly facts: LayerFacts }) {
  const { place, title, size, zeros, units, dead, gradient, weights } = facts;
  const pull = gradient === undefined ? undefined : gradient / Math.sqrt(Math.max(1, weights));
  return (
    <tr>
      <th scope="row">
        <span class="muted">{place}</span> {title}
      </th>
      <td data-label="Size">
        <Bar share={along(size, SIZES)} colour="--third" text={number(size)} marks={5} />
      </td>
      <td data-label="Zeros">
        <Bar
          share={zeros}
          colour={dead > 0 ? '--bad' : '--muted'}
          text={`${percent(zeros)}${dead > 0 ? `, ${dead} of ${units} dead` : ''}`}
          marks={1}
        />
      </td>
      <td data-label="Gradient">
        {pull !== undefined && <Bar share={along(pull, GRADIENTS)} colour="--second" text={number(pull)} marks={9} />}
      </td>
    </tr>
  );
}

interface BarProps {
  readonly share: number;
  readonly colour: string;
  readonly text: string;
  readonly marks: number;
}
function Bar({ share, colour, text, marks }: BarProps) {
  return (
    <span class="bar-cell">
      <span class="track" aria-hidden="true" style={{ '--marks': String(marks) }}>
        <span style={{ width: `${(100 * (Number.isFinite(share) ? share : 1)).toFixed(1)}%`, background: `var(${colour})` }} />
      </span>
      <span class="reading">{text}</span>
    </span>
  );
}
