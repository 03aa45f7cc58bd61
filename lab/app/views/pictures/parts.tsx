/** How many pictures there are of each class and part, which share is kept aside, and what is to be said of it. */
import { useRef } from 'preact/hooks';
import { countsOf } from '../../../core/dataset.ts';
import { classes, pictures, splitting } from '../../state/project.ts';
import { splitAnew } from './actions.ts';

export function Parts() {
  const drag = useRef(Symbol('split'));
  const { share, seed } = splitting.value;
  const percent = Math.round(share * 100);
  return (
    <aside class="card parts" aria-label="Parts">
      <h3>Training and kept aside</h3>
      <p class="muted">
        The network learns from the training pictures. Those kept aside it never learns from: they show whether it understood, or only
        remembers. A “K” marks them.
      </p>
      <label class="share">
        Kept aside: <output>{percent} %</output> of each class
        <input
          type="range"
          min={0}
          max={50}
          step={5}
          value={percent}
          aria-valuetext={`${percent} percent`}
          onInput={({ currentTarget }) => splitAnew(Number(currentTarget.value) / 100, seed, drag.current)}
          onChange={() => void (drag.current = Symbol('split'))}
        />
      </label>
      <button type="button" onClick={() => splitAnew(share, seed + 1)}>
        Choose others
      </button>
      <Counts />
    </aside>
  );
}

function Counts() {
  const count = classes.value.length;
  const train = countsOf(pictures.value, count, 'train');
  const valid = countsOf(pictures.value, count, 'valid');
  const most = Math.max(1, ...train.map((trained, label) => trained + valid[label]!));
  return (
    <table class="counts">
      <thead>
        <tr>
          <th scope="col">Class</th>
          <th scope="col">Training</th>
          <th scope="col">Kept</th>
        </tr>
      </thead>
      <tbody>
        {classes.value.map((name, label) => (
          <tr key={name}>
            <th scope="row">
              {name}
              <span class="bar-of" aria-hidden="true">
                <i style={{ width: `${(100 * train[label]!) / most}%` }} />
                <b style={{ width: `${(100 * valid[label]!) / most}%` }} />
              </span>
            </th>
            <td>{train[label]}</td>
            <td>{valid[label]}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">All</th>
          <td>{train.reduce((a, b) => a + b, 0)}</td>
          <td>{valid.reduce((a, b) => a + b, 0)}</td>
        </tr>
      </tfoot>
    </table>
  );
}
