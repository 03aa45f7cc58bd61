/** The whole network in a line: how large it is, how much it computes, and whether its end fits the classes. */
import { bytesText, memoryOf } from '../../../core/memory.ts';
import { built, classes, training } from '../../state/project.ts';
import { shapeText } from './chain.tsx';
import { makeItFit, redo, redoable, repair, said, undo, undoable } from './edits.ts';
import { description } from './facts.ts';

/** More than this is much for a browser. */
const MUCH = 1e9;

/** 12,345 or 1.23 million, so that the place does not grow. */
const few = (count: number): string =>
  count < 1e6 ? count.toLocaleString('en') : `${Number((count / 1e6).toPrecision(3)).toLocaleString('en')} million`;

function Verdict() {
  const { error, blocks, output } = built.value;
  const count = classes.value.length;
  const failed = blocks.findIndex((block) => block.error !== undefined);
  const made = repair.value;
  if (failed !== -1) {
    return (
      <p class="verdict bad">
        <b>✕ Block {failed + 1} does not fit.</b> {blocks[failed]!.error}.{' '}
        <a href={`#block-${failed}`} onClick={(event) => goTo(event, failed)}>
          Show it
        </a>
      </p>
    );
  }
  if (made !== undefined) {
    return (
      <p class="verdict bad">
        <b>✕ The end does not fit.</b> It gives {shapeText(output)} numbers, but there{' '}
        {count === 1 ? 'is one class' : count === 0 ? 'are no classes yet' : `are ${count} classes`}.{' '}
        <button type="button" class="primary" onClick={makeItFit}>
          Make it fit
        </button>
      </p>
    );
  }
  if (error !== undefined) return <p class="verdict bad">✕ {error}</p>;
  return (
    <p class="verdict good">
      <b>✓ It fits.</b>{' '}
      {count === 0 ? 'It will give one number for each class, once there are pictures.' : `One number for each of the ${count} classes.`}
    </p>
  );
}

/** The address stays that of the view. */
function goTo(event: Event, block: number): void {
  event.preventDefault();
  const card = document.getElementById(`block-${block}`);
  card?.scrollIntoView({ block: 'center' });
  card?.focus();
}

export function Totals() {
  const { parameters } = built.value;
  const facts = description();
  const memory = memoryOf(built.value, training.value);
  const bytes = memory.weights + memory.batch;
  return (
    <div class="totals card">
      <dl>
        <div>
          <dt>Parameters</dt>
          <dd>{few(parameters)}</dd>
        </div>
        <div>
          <dt title="Multiplications with an addition, for one picture">Multiply-adds</dt>
          <dd>{facts === undefined ? '…' : few(facts.multiplyAdds)}</dd>
        </div>
        <div>
          <dt
            title={`About: ${bytesText(memory.weights)} for weights, gradients and optimizer, ${bytesText(memory.batch)} for a batch of ${training.value.batchSize}`}
          >
            Memory to train
          </dt>
          <dd class={bytes > MUCH ? 'error' : undefined}>
            {bytesText(bytes)}
            {bytes > MUCH ? ', much for a browser' : ''}
          </dd>
        </div>
      </dl>
      <div aria-live="polite">
        <Verdict />
      </div>
      <div class="undo">
        <button type="button" disabled={undoable.value === undefined} title={undoable.value} onClick={undo}>
          ↶ Undo
        </button>
        <button type="button" disabled={redoable.value === undefined} title={redoable.value} onClick={redo}>
          ↷ Redo
        </button>
        <span class="said" aria-live="polite">
          {said.value}
        </span>
      </div>
    </div>
  );
}
