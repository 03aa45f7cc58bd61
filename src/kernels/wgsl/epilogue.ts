/** What kernels do to a result before they write it (`kernels/formula/epilogue.ts`), as text: convolutions, matrix products, normalisations. */
import { finished, hasStep, type Epilogue } from '../formula/epilogue.ts';
import { inputOf, constantOf } from '../formula/formula.ts';
import { formulaText } from './formula.ts';
import type { WgslOperand } from './kernel.ts';

/** What an epilogue reads besides the result, in this order: a table of scale and shift of channels, a residual, a gate. */
export function epilogueOperands(epilogue: Epilogue): WgslOperand[] {
  const names = [
    ...(hasStep(epilogue, 'affine') ? ['affine'] : []),
    ...(hasStep(epilogue, 'add') ? ['residual'] : []),
    ...(hasStep(epilogue, 'gate') ? ['gate'] : []),
  ];
  return names.map((name) => ({ name, dtype: 'float32' }));
}

/** `finish_(v, at, c)`: what a result of channel `c` becomes before it is written at `at`. */
export function epilogueText(epilogue: Epilogue): string {
  const [v, residual, gate, scale, shift] = [0, 1, 2, 3, 4].map((index) => inputOf('f32', index));
  const zero = constantOf('f32', 0);
  const result = finished(epilogue, v!, { scale: scale!, shift: shift!, residual: residual!, gate: gate!, zero });
  const names = ['v', 'residual_at(at)', 'gate_at(at)', 'affine_at(2u * c)', 'affine_at(2u * c + 1u)'];
  const { statements, values } = formulaText([result], { input: (index) => names[index]!, scalar: () => '' });
  return `fn finish_(v: f32, at: u32, c: u32) -> f32 { ${statements} return ${values[0]!}; }`;
}
