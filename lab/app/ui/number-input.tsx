/** A number with its label; what is out of bounds is not taken, and said. */
import { useState } from 'preact/hooks';
import type { NumberField } from '../../core/layers.ts';

export interface NumberInputProps {
  readonly id: string;
  readonly field: NumberField;
  readonly value: number;
  readonly onChange: (value: number) => void;
}

export function NumberInput({ id, field, value, onChange }: NumberInputProps) {
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const { label, min, max, step } = field;
  const problem = typed === undefined ? undefined : wrong(typed, field);
  return (
    <div class="number">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        min={min}
        max={max}
        step={step === 1 ? 1 : 'any'}
        value={typed ?? value}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : `${id}-problem`}
        onInput={({ currentTarget }) => {
          const text = currentTarget.value;
          setTyped(text);
          if (wrong(text, field) === undefined) onChange(Number(text));
        }}
        onBlur={() => setTyped(undefined)}
      />
      {problem !== undefined && (
        <small class="error" id={`${id}-problem`} role="alert">
          {problem}
        </small>
      )}
    </div>
  );
}

function wrong(text: string, { min, max, step }: NumberField): string | undefined {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number)) return 'Type a number.';
  if (number < min || number > max) return `Choose a number from ${min} to ${max}.`;
  return step === 1 && !Number.isInteger(number) ? 'Choose a whole number.' : undefined;
}
