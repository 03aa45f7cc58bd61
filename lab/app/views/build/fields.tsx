/** Numbers and switches that one types: checked while one types, and committed when they are right. */
import { useEffect, useId, useState } from 'preact/hooks';
import type { Field } from '../../../core/layers.ts';
import { numberProblem } from '../../../core/read-setup.ts';

interface NumberInputProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly help: string;
  /** Shown below, not only as a tip. */
  readonly explained?: boolean;
  readonly onValue: (value: number) => void;
}

export function NumberInput({ label, value, min, max, step, help, explained = false, onValue }: NumberInputProps) {
  const id = useId();
  const [text, setText] = useState(String(value));
  useEffect(() => {
    if (Number(text) !== value || text.trim() === '') setText(String(value));
  }, [value]);
  const problem = text.trim() === '' ? 'a number' : numberProblem(Number(text), { min, max, step });
  const typed = (next: string): void => {
    setText(next);
    const number = Number(next);
    if (next.trim() !== '' && numberProblem(number, { min, max, step }) === undefined && number !== value) {
      onValue(number);
    }
  };
  return (
    <div class="field" title={explained ? undefined : help}>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        value={text}
        min={min}
        max={max}
        step={Number.isInteger(step) ? step : 'any'}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-help`}
        onInput={(event) => typed(event.currentTarget.value)}
        onBlur={() => problem !== undefined && setText(String(value))}
      />
      <span id={`${id}-help`} class={problem === undefined ? (explained ? 'help' : 'hidden') : 'error'}>
        {problem === undefined ? help : `Needs ${problem}.`}
      </span>
    </div>
  );
}

interface FieldInputProps {
  readonly field: Field;
  readonly value: number | boolean;
  readonly onValue: (value: number | boolean) => void;
}

/** The input for a field of a block. */
export function FieldInput({ field, value, onValue }: FieldInputProps) {
  if (field.type === 'switch') {
    return (
      <label class="field switch" title={field.help}>
        <input type="checkbox" checked={value === true} onChange={(event) => onValue(event.currentTarget.checked)} />
        {field.label}
      </label>
    );
  }
  return <NumberInput {...field} value={value as number} onValue={onValue} />;
}
