/** What is taken for what: the confusion matrix, whose cells open their pictures, figures of each class, and the most confident mistakes. */
import { useMemo, useState } from 'preact/hooks';
import { cssColour } from '../../../core/look/colours.ts';
import { confusionOf, type Confusion, type Judged } from '../../../core/look/confusion.ts';
import { dark } from '../../ui/theme.ts';
import { PartButtons, Thumb } from './picker.tsx';
import { looking, part, predictions } from './state.ts';

/** Pictures of a cell that are shown. */
const MOST = 60;

export function Mistakes() {
  const run = looking.value;
  const [cell, setCell] = useState<readonly [number, number] | undefined>(undefined);
  const of = predictions.value?.part === part.value ? predictions.value : undefined;
  const confusion = useMemo(() => (of === undefined || run === undefined ? undefined : confusionOf(of, run.classes.length)), [of, run]);
  if (run === undefined || of === undefined || confusion === undefined) return <p class="muted">The pictures are being looked at …</p>;
  const names = run.classes;
  const inCell = cell === undefined ? undefined : confusion.cells[cell[0]]?.[cell[1]];
  return (
    <>
      <div class="row see-showing" role="group" aria-label="Part">
        <PartButtons />
        <span aria-live="polite">
          {of.ids.length - confusion.mistakes.length} of {of.ids.length} right ({(100 * of.accuracy).toFixed(1)} %)
        </span>
      </div>
      <Matrix confusion={confusion} names={names} cell={cell} onCell={setCell} />
      <section class="card" aria-label="Pictures">
        <h3>
          {inCell === undefined
            ? 'Most confident mistakes'
            : cell![0] === cell![1]
              ? `${names[cell![0]]}, rightly found`
              : `${names[cell![0]]}, taken for ${names[cell![1]]}`}
        </h3>
        <Pictures judged={inCell ?? confusion.mistakes} names={names} />
        {inCell !== undefined && (
          <button type="button" onClick={() => setCell(undefined)}>
            Show the most confident mistakes
          </button>
        )}
      </section>
    </>
  );
}

function Pictures({ judged, names }: { readonly judged: readonly Judged[]; readonly names: readonly string[] }) {
  if (judged.length === 0) return <p class="muted">None.</p>;
  return (
    <>
      <ul class="strip wrapped">
        {judged.slice(0, MOST).map((one) => (
          <li key={one.id}>
            <Thumb opens judged={one} note={`${names[one.predicted]} ${Math.round(100 * one.confidence)} %`} />
          </li>
        ))}
      </ul>
      {judged.length > MOST && (
        <p class="muted small">
          The first {MOST} of {judged.length}.
        </p>
      )}
      <p class="muted small">Below each picture: what it is taken for, and how sure the network is. A click opens it.</p>
    </>
  );
}

interface MatrixProps {
  readonly confusion: Confusion;
  readonly names: readonly string[];
  readonly cell: readonly [number, number] | undefined;
  readonly onCell: (cell: readonly [number, number]) => void;
}

interface CellProps {
  readonly count: number;
  /** Of the pictures of the class. */
  readonly part: number;
  readonly isRight: boolean;
  readonly isChosen: boolean;
  readonly label: string;
  readonly onClick: () => void;
}

function Cell({ count, part, isRight, isChosen, label, onClick }: CellProps) {
  return (
    <td class={isRight ? 'right' : undefined}>
      <button
        type="button"
        disabled={count === 0}
        aria-pressed={isChosen}
        aria-label={label}
        class={part > 0.55 ? 'strong' : undefined}
        style={{ background: cssColour(isRight ? -part : part, dark.value) }}
        onClick={onClick}
      >
        {count}
      </button>
    </td>
  );
}

function Matrix({ confusion: { cells, classes }, names, cell, onCell }: MatrixProps) {
  const share = (value: number | undefined): string => (value === undefined ? '–' : `${Math.round(100 * value)} %`);
  return (
    <div class="confusion" role="region" aria-label="Confusion matrix" tabIndex={0}>
      <table>
        <caption class="small muted">Rows: what it is. Columns: what it is taken for. Choose a cell to see its pictures.</caption>
        <thead>
          <tr>
            <td />
            {names.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
            <th scope="col" class="figure">
              recall
            </th>
          </tr>
        </thead>
        <tbody>
          {cells.map((row, i) => (
            <tr key={i}>
              <th scope="row">{names[i]}</th>
              {row.map(({ length }, j) => (
                <Cell
                  key={j}
                  count={length}
                  part={length / Math.max(1, classes[i]!.count)}
                  isRight={i === j}
                  isChosen={cell?.[0] === i && cell[1] === j}
                  label={`${length} of ${names[i]} taken for ${names[j]}`}
                  onClick={() => onCell([i, j])}
                />
              ))}
              <td class="figure">{share(classes[i]!.recall)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" class="figure">
              precision
            </th>
            {classes.map(({ precision }, i) => (
              <td key={i} class="figure">
                {share(precision)}
              </td>
            ))}
            <td />
          </tr>
        </tfoot>
      </table>
      <p class="small muted">Recall: the share of a class that is found. Precision: of all that is called so, the share that is right.</p>
    </div>
  );
}
