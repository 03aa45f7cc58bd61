/** What the network says, as bars with the names of the classes. */
import { short } from '../../../core/look/sum.ts';
import { isLive, looked, looking, select, type Chosen } from './state.ts';

const MOST = 12;

export function Scores({ picture }: { readonly picture: Chosen }) {
  const [look, run] = [looked.value, looking.value];
  if (look === undefined || run === undefined) return null;
  const { probabilities, predicted, label, loss } = look;
  const order = probabilities.map((_, i) => i);
  const shown = order.length <= MOST ? order : order.sort((a, b) => probabilities[b]! - probabilities[a]!).slice(0, MOST);
  const scores = look.stages.at(-2)!;
  const known = picture.label !== undefined;
  return (
    <div class="scores">
      <p class="see-verdict" aria-live={isLive.value ? 'off' : 'polite'}>
        <b>{run.classes[predicted] ?? `class ${predicted + 1}`}</b>, {(100 * probabilities[predicted]!).toFixed(1)} %
        {known && (
          <span class={predicted === picture.label ? 'good' : 'error'}>
            {predicted === picture.label ? ' ✓ right' : ` ✗ it is ${run.classes[picture.label]}`}
          </span>
        )}
      </p>
      <ol>
        {shown.map((i) => (
          <li key={i}>
            <button
              type="button"
              class={i === label && known ? 'own' : undefined}
              aria-label={`${run.classes[i]}: ${(100 * probabilities[i]!).toFixed(1)} %, score ${short(scores.values[i]!)}; see how it is computed`}
              onClick={() => void select({ stage: scores.index, at: i })}
            >
              <span class="name">{run.classes[i]}</span>
              <span class="meter">
                <i style={{ transform: `scaleX(${probabilities[i]!})` }} />
              </span>
              <span class="see-share">{(100 * probabilities[i]!).toFixed(1)} %</span>
            </button>
          </li>
        ))}
      </ol>
      <p class="muted small">
        {known
          ? `Loss: −ln(${short(probabilities[label]!)}) = ${short(loss)}`
          : `Gradients are those of the loss for “${run.classes[label]}”, the most likely class.`}
      </p>
    </div>
  );
}
