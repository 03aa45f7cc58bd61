/** How far an import is, and what was left out and why. */
import { counted } from '../../../core/words.ts';
import { importState, stopImport } from '../../import/importing.ts';

export function ImportStatus() {
  const state = importState.value;
  if (state === undefined) return null;
  const { total, read, added, leftOut, done } = state;
  return (
    <section class="card import" aria-label="Import">
      <div class="row">
        <output>{done ? `${counted(added)} added.` : `Reading ${read} of ${total} …`}</output>
        {!done && <progress max={total} value={read} aria-label="Files read" />}
        {!done && (
          <button type="button" onClick={stopImport}>
            Stop
          </button>
        )}
        {done && (
          <button type="button" onClick={() => (importState.value = undefined)}>
            Close
          </button>
        )}
      </div>
      {leftOut.length > 0 && (
        <details open>
          <summary>{counted(leftOut.length, 'file')} left out</summary>
          <ul class="left-out">
            {leftOut.slice(0, 100).map(({ name, reason }, i) => (
              <li key={i}>
                {name !== '' && <strong>{name}</strong>} {reason}
              </li>
            ))}
            {leftOut.length > 100 && <li>and {leftOut.length - 100} more</li>}
          </ul>
        </details>
      )}
    </section>
  );
}
