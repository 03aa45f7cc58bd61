/** The tables that libjpeg writes into JPEG files (ITU-T T.81, Annex K): steps of quantisation and Huffman codes, as hexadecimal digits. */

const bytesOf = (digits: string): Uint8Array =>
  Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));

/** Steps of brightness and of colour at quality 50, in the order of the file (zigzag). */
export const STEPS: readonly Uint8Array[] = [
  bytesOf(
    '100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d51575f626768673e4d7179706478' + '5c656763',
  ),
  bytesOf(
    '1112121815182f1a1a2f6342384263636363636363636363636363636363636363636363636363636363636363636363636363636363636363636363' + '63636363',
  ),
];

/** How many codes there are of each length from 1 to 16, and what they stand for, the shortest first. */
export interface HuffmanTable {
  readonly counts: Uint8Array;
  readonly values: Uint8Array;
}

/** For the mean of a block, of brightness and of colour. */
export const MEAN_CODES: readonly HuffmanTable[] = [
  { counts: bytesOf('00010501010101010100000000000000'), values: bytesOf('000102030405060708090a0b') },
  { counts: bytesOf('00030101010101010101010000000000'), values: bytesOf('000102030405060708090a0b') },
];

/** For the other coefficients. */
export const OTHER_CODES: readonly HuffmanTable[] = [
  {
    counts: bytesOf('0002010303020403050504040000017d'),
    values: bytesOf(
      '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445' +
        '464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6' +
        'b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
    ),
  },
  {
    counts: bytesOf('00020102040403040705040400010277'),
    values: bytesOf(
      '000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a4344' +
        '45464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4' +
        'b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa',
    ),
  },
];
