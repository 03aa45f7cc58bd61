/** Numbers, what they are multiplied by, and their products: as tables while there are few, as maps with the largest products named otherwise. */
import { useMemo } from 'preact/hooks';
import { cssColour, scaleOf } from '../../../core/look/colours.ts';
import { short, type Patch } from '../../../core/look/sum.ts';
import { dark } from '../../ui/theme.ts';
import { HeatCanvas } from './heat.tsx';

/** Cells that are written out. */
const WRITTEN = 50;
/** Columns of a list that is written out. */
const LIST_COLUMNS = 8;

const round = (value: number): string => {
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text =
    size < 0.001 ? size.toExponential(0) : size >= 1000 ? size.toExponential(1) : size.toPrecision(size < 0.01 ? 1 : size < 1 ? 2 : 3);
  return value < 0 ? `−${text}` : text;
};

interface Facts {
  readonly values: readonly number[];
  readonly weights: readonly number[] | undefined;
  readonly products: readonly number[];
}

export function PatchView({ patch }: { readonly patch: Patch }) {
  const products = useMemo(() => patch.values.map((value, i) => (Number.isNaN(value) ? 0 : value) * (patch.weights?.[i] ?? 1)), [patch]);
  const facts: Facts = { values: patch.values, weights: patch.weights, products };
  if (patch.values.length === 0) return <p class="muted">No window saw this number.</p>;
  const first = patch.of === 'values' ? 'numbers' : 'gradients';
  const second = patch.of === 'values' ? 'weights' : 'factors';
  const list = patch.rows === 1;
  const columns = list ? Math.min(LIST_COLUMNS, patch.columns) : patch.columns;
  const written = patch.values.length <= WRITTEN && columns <= LIST_COLUMNS;
  const Show = written ? Table : HeatCanvas;
  const canvasColumns = list ? Math.ceil(Math.sqrt(patch.columns)) : patch.columns;
  const shape = { columns: written ? columns : canvasColumns };
  return (
    <div class="patch">
      <div class="patch-row">
        <Show {...shape} values={facts.values} caption={first} chosen={patch.chosen} />
        {facts.weights !== undefined && (
          <>
            <span class="term">
              <span class="sign">×</span>
              <Show {...shape} values={facts.weights} caption={second} />
            </span>
            <span class="term">
              <span class="sign">=</span>
              <Show {...shape} values={products} caption="products" />
            </span>
          </>
        )}
      </div>
      {!written && facts.weights !== undefined && <Largest facts={facts} />}
    </div>
  );
}

interface TableProps {
  readonly columns: number;
  readonly values: readonly number[];
  readonly caption: string;
  readonly chosen?: number | undefined;
}

function Table({ columns, values, caption, chosen }: TableProps) {
  const isDark = dark.value;
  const { most } = scaleOf(values.filter((value) => !Number.isNaN(value)));
  const rows = Array.from({ length: Math.ceil(values.length / columns) }, (_, r) => values.slice(r * columns, (r + 1) * columns));
  return (
    <table class="see-numbers">
      <caption>{caption}</caption>
      <tbody>
        {rows.map((row, r) => (
          <tr key={r}>
            {row.map((value, c) => {
              const at = r * columns + c;
              if (Number.isNaN(value))
                return (
                  <td key={c} class="outside" title="over the border: counts as zero">
                    0
                  </td>
                );
              const share = most > 0 ? value / most : 0;
              return (
                <td
                  key={c}
                  class={`${at === chosen ? 'taken' : ''}${Math.abs(share) > 0.55 ? ' strong' : ''}`}
                  style={{ background: cssColour(share, isDark) }}
                  title={String(value)}
                >
                  {round(value)}
                  {at === chosen && <span class="hidden">, taken</span>}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The products that count most. */
function Largest({ facts: { values, weights, products } }: { readonly facts: Facts }) {
  const order = useMemo(() => {
    const all = products.map((_, i) => i).sort((a, b) => Math.abs(products[b]!) - Math.abs(products[a]!));
    return all.slice(0, 5).filter((i) => products[i] !== 0);
  }, [products]);
  if (order.length === 0) return <p class="muted small">All products are 0.</p>;
  return (
    <p class="small">
      <span class="muted">The largest of {products.length}: </span>
      {order.map((i) => `${short(values[i]!)} × ${short(weights![i]!)} = ${short(products[i]!)}`).join('; ')}
    </p>
  );
}
