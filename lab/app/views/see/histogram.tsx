/** How numbers are spread, as bars. */
import type { Histogram as Counts } from '../../../core/look/histogram.ts';
import { short } from '../../../core/look/sum.ts';

export function Histogram({ title, of: { counts, min, max, mean, spread } }: { readonly title: string; readonly of: Counts }) {
  const most = Math.max(1, ...counts);
  const words = `${title}: from ${short(min)} to ${short(max)}, mean ${short(mean)}, spread ${short(spread)}`;
  return (
    <figure class="histogram">
      <figcaption class="small">{title}</figcaption>
      <svg viewBox={`0 0 ${counts.length} 20`} preserveAspectRatio="none" role="img" aria-label={words}>
        {counts.map((count, i) => (
          <rect key={i} x={i + 0.08} width={0.84} y={20 - (20 * count) / most} height={(20 * count) / most} />
        ))}
      </svg>
      <p class="small muted">
        <span>{short(min)}</span>
        <span>
          mean {short(mean)} ± {short(spread)}
        </span>
        <span>{short(max)}</span>
      </p>
    </figure>
  );
}
