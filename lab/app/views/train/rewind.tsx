/** Back to the end of an epoch. */
import { percent } from '../../../core/words.ts';
import type { Run } from '../../state/run.ts';
import { lookingBack } from './curves.tsx';

export function Rewind({ run }: { readonly run: Run }) {
  const kept = run.kept.value;
  const last = kept.length - 1;
  const epoch = lookingBack.value ?? kept[last] ?? 0;
  const found = kept.findLastIndex((each) => each <= epoch);
  const at = found < 0 ? last : found;
  const chosen = kept[at] ?? 0;
  const result = run.epochs.value.find((each) => each.epoch === chosen);
  const facts =
    result === undefined
      ? 'before the first step'
      : result.valid === undefined
        ? `training loss ${result.trainLoss.toFixed(3)}`
        : `kept aside: loss ${result.valid.loss.toFixed(3)}, ${percent(result.valid.accuracy)} right`;
  const isEnd = at === last && (run.lastStep?.step ?? 0) <= (result?.step ?? 0);
  return (
    <div class="card rewind">
      <label for="rewind">Go back in time</label>
      <input
        id="rewind"
        type="range"
        min={0}
        max={Math.max(last, 1)}
        step={1}
        value={at}
        disabled={last < 1 && isEnd}
        aria-valuetext={`epoch ${chosen}, ${facts}`}
        onInput={({ currentTarget }) => {
          const place = Number(currentTarget.value);
          lookingBack.value = place >= last ? undefined : kept[place];
        }}
      />
      <div class="row">
        <button
          type="button"
          disabled={isEnd || run.status.value === 'opening'}
          onClick={() => {
            lookingBack.value = undefined;
            void run.rewind(chosen);
          }}
        >
          Go back to epoch {chosen}
        </button>
        <span class="muted">
          {facts}. From there the same settings give the same numbers again; change some first, and see what differs.
        </span>
      </div>
    </div>
  );
}
