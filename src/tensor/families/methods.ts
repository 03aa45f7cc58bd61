/** The functions that methods of tensors stand on, by the family that provides them: types only, so that naming one here ships nothing. */
export interface Methods {
  readonly picking: Pick<
    typeof import('../picking.ts'),
    'assignPicked' | 'gather' | 'indexSelect' | 'nonzero' | 'pick' | 'trueIndices'
  >;
}
