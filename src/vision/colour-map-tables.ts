/**
 * The 256 colours of each map, as matplotlib has them. Viridis, magma, inferno and plasma are by Nathaniel J. Smith, Stéfan van der Walt and
 * Eric Firing, dedicated to the public under CC0; cividis is by Jamie R. Nuñez, Christopher R. Anderton and Ryan S. Renslow, turbo by Anton Mikhailov at Google, coolwarm
 * by Kenneth Moreland (tools/colour-maps/LICENCES.txt); the others are straight lines between a few points.
 */

import { fromBase64 } from '../base/base64.ts';

/** Red, green and blue of 256 colours, in base64. */
const LISTED = {
  viridis:
    'RAFURAJVRANXRQVYRQZaRQhbRglcRgteRgxfRg5hRw9iRxFjRxJlRxRmRxVnRxZpRxhqSBlrSBpsSBxuSB1vSB5wSCBxSCFySCJzSCN0RyV1RyZ2Ryd3Ryh4' +
    'Ryp5Ryt6Ryx7Ri18Ri98RjB9RjF+RTJ/RTR/RTWARTaBRDeBRDmCQzqDQzuDQzyEQj2EQj6FQkCFQUGGQUKGQEOHQESHP0WHP0eIPkiIPkmJPUqJPUuJPUyJ' +
    'PE2KPE6KO1CKO1GKOlKLOlOLOVSLOVWLOFaLOFeMN1iMN1mMNlqMNluMNVyMNV2MNF6NNF+NM2CNM2GNMmKNMmONMWSNMWWNMWaNMGeNMGiNL2mNL2qNLmuO' +
    'LmyOLm2OLW6OLW+OLHCOLHGOLHKOK3OOK3SOKnWOKnaOKneOKXiOKXmOKHqOKHqOKHuOJ3yOJ32OJ36OJn+OJoCOJoGOJYKOJYONJISNJIWNJIaNI4eNI4iN' +
    'I4mNIomNIoqNIouNIYyNIY2MIY6MII+MIJCMIJGMH5KMH5OLH5SLH5WLH5aLHpeKHpiKHpmKHpmKHpqJHpuJHpyJHp2IHp6IHp+IHqCHH6GHH6KGH6OGIKSF' +
    'IKWFIaaFIaeEIqeEI6iDI6mCJKqCJauBJqyBJ62AKK5/Ka9/KrB+K7F9LLF9LrJ8L7N7MLR6MrV6M7Z5Nbd4Nrh3OLl2Obl2O7p1Pbt0PrxzQL1yQr5xRL5w' +
    'Rb9vR8BuScFtS8JsTcJrT8NpUcRoU8VnVcZmV8ZlWcdkW8hiXslhYMlgYspfZMtdZ8xcacxba81Zbc5YcM5Wcs9VdNBUd9BSedFRfNJPftJOgdNMg9NLhtRJ' +
    'iNVHi9VGjdZEkNZDktdBldc/l9g+mtg8ndk6n9k4oto3pdo1p9szqtsyrdwwr9wust0std0rt90put4nvd4mv98kwt8ixd8hx+AfyuAezeAdz+Ec0uEb1OEa' +
    '1+IZ2uIY3OIY3+MY4eMY5OMY5+QZ6eQZ7OQa7uUb8eUc8+Ue9uYf+OYh+uYi/eck',
  magma:
    'AAADAAAEAAAGAQAHAQEJAQELAgINAgIPAwMRBAMTBAQVBQQXBgUZBwUbCAYdCQcfCgciCwgkDAkmDQooDgoqDwssEAwvEQwxEg0zFA01FQ44Fg46Fw88GA8/' +
    'GhBBGxBEHBBGHhBJHxFLIBFNIhFQIxFSJRFVJhFXKBFZKhFcKxFeLRBgLxBiMBBlMhBnNBBoNQ9qNw9sOQ9uOw9vPA9xPg9yQA9zQg90Qw91RQ92Rw93SBB4' +
    'ShB5SxB5TRF6TxF7UBJ7UhJ8UxN8VRN9VxR9WBV+WhV+WxZ+XRd+Xhd/YBh/YRh/Yxl/ZRqAZhqAaBuAaRyAaxyAbB2Abh6Bbx6BcR+Bcx+BdCCBdiGBdyGB' +
    'eSKBeiKBfCOBfiSBfySBgSWBgiWBhCaBhSaBhyeBiSiBiiiBjCmAjSmAjyqAkSqAkiuAlCuAlSyAlyx/mS1/mi1/nC5/ni5+ny9+oS9+ozB+pDB9pjF9pzF9' +
    'qTJ8qzN8rDN7rjR7sDR7sTV6szV6tTZ5tjZ5uDd4uTd4uzh3vTl3vjl2wDp1wjp1wzt0xTx0xjxzyD1yyj5yyz5xzT9wzkBw0EFv0UJu00Jt1ENt1kRs10Vr' +
    '2UZq2kdp3Ehp3Ulo3kpn4Etm4Uxm4k1l5E5k5VBj5lFi51Ji6FRh6lVg61Zg7Fhf7Vlf7lte7l1d715d8GBd8WFc8mNc82Vc82db9Ghb9Wpb9Wxb9m5b9nBb' +
    '93Fb93Nc+HVc+Hdc+Xlc+Xtd+X1d+n9e+oBe+oJf+4Rg+4Zg+4hh+4pi/Ixj/I5j/JBk/JJl/JNm/ZVn/Zdo/Zlp/Ztq/Z1r/Z9s/aFu/aJv/aRw/qZx/qhz' +
    '/qp0/qx1/q52/q94/rF5/rN7/rV8/rd9/rl//ruA/ryC/r6D/sCF/sKG/sSI/saJ/seL/smN/suO/c2Q/c+S/dGT/dKV/dSX/daY/dia/dqc/dyd/d2f/d+h' +
    '/eGj/OOl/OWm/Oao/Oiq/Oqs/Oyu/O6w/PCx/PGz/PO1/PW3+/e5+/m7+/q9+/y/',
  inferno:
    'AAADAAAEAAAGAQAHAQEJAQELAgEOAgIQAwISBAMUBAMWBQQYBgQbBwUdCAYfCQYhCgcjCwcmDQgoDggqDwktEAkvEgoyEwo0FAs2Fgs5Fws7GQs+GgtAHAxD' +
    'HQxFHwxHIAxKIgtMJAtOJgtQJwtSKQtUKwpWLQpYLgpaMApcMgldNAlfNQlgNwlhOQliOwlkPAllPglmQAlmQQlnQwpoRQppRgppSAtqSgtqSwxrTQxrTw1s' +
    'UA1sUg5sUw5tVQ9tVw9tWBBtWhFtWxFuXRJuXxJuYBNuYhRuYxRuZRVuZhVuaBZuahduaxdubRhubhhucBluchltcxptdRttdhtteBxtehxtex1sfR1sfh5s' +
    'gB9rgR9rgyBrhSBqhiFqiCFqiSJpiyJpjSNpjiRokCRokSVnkyVnlSZmliZmmCdlmShkmyhknCljniljoCpioSthoythpCxgpixfpy1fqS5eqy5drC9crjBb' +
    'rzFbsTFasjJZtDNYtTNXtzRWuDVWujZVuzdUvTdTvjhSvzlRwTpQwjtPxDxOxT1Nxz5MyD5LyT9Ky0BJzEFIzUJHz0RG0EVE0UZD0kdC1EhB1UlA1ko/10s+' +
    '2U092k4720863FA53VI43lM331Q24FY04lcz41gy5Fox5Vsw5lwu5l4t518s6GEr6WIq6mQo62Un7Gcm7Wgl7Woj7mwi720h8G8f8HAe8XId8nQc8nUa83cZ' +
    '83kY9HoW9XwV9X4U9oAS9oER94MQ94UO+IcN+IgM+IoL+YwJ+Y4I+ZAI+pEH+pMG+pUG+pcG+5kG+5sG+50G+54H+6AH+6II+6QK+6YL+6gN+6oO+6wQ+64S' +
    '+7AU+7EW+7MY+7Ua+7cc+7ke+rsh+r0j+r8l+sEo+cMq+cUs+ccv+Mkx+Ms0+M03988699E89tM/9tVC9ddF9dlI9NtL9NxP895S8+BW8+JZ8uRd8uZg8ehk' +
    '8elo8ets8e1w8e508fB58fJ98vOB8vSF8/aJ9PeN9fiR9vqV9/uZ+fyd+v2g/P6k',
  plasma:
    'DAeGEAeHEwaJFQaKGAaLGwaMHQaNHwWOIQWPIwWQJQWRJwWSKQWTKwWULQSULwSVMQSWMwSXNASYNgSYOASZOgSaOwOaPQObPwOcQAOcQgOdRAOeRQOeRwKf' +
    'SQKfSgKgTAKhTgKhTwKiUQGiUgGjVAGjVgGjVwGkWQGkWgClXAClXgClXwCmYQCmYgCmZACnZQCnZwCnaACnagCnbACobQCobwCocACocgCocwCodQCodgGo' +
    'eAGoeQGoewKofAKnfgOnfwOngQSnggSnhAWmhQamhgemiAeliQiliwmkjAqkjgykjw2jkA6jkg+ikxChlRGhlhKglxOgmRSfmhWemxeenRidnhmcnxqboBub' +
    'ohyaox2ZpB6YpR+XpyGXqCKWqSOVqiSUrCWTrSaSrieRryiQsCqPsSuPsiyOtC2NtS6Mti+LtzCKuDKJuTOIujSHuzWGvDaFvTeEvjiDvzmCwDuBwTyAwj2A' +
    'wz5/xD9+xUB9xkF8x0J7yER6yUV5ykZ4y0d3zEh2zUl1zkp1z0t00E1z0U5y0U9x0lBw01Fv1FJu1VNt1lVt11Zs11dr2Fhq2Vlp2lpo21tn3F1m3F5m3V9l' +
    '3mBk32Fj32Ji4GRh4WVg4mZg42df42he5Gpd5Wtc5Wxb5m1a525a6HBZ6HFY6XJX6nNW6nRV63ZU7HdU7HhT7XlS7XtR7nxQ731P735O8IBN8IFN8YJM8oRL' +
    '8oVK84ZJ84dI9IlH9IpH9YtG9Y1F9o5E9o9D9pFC95JB95NB+JVA+JY/+Jg++Zk9+Zo8+pw7+p06+p86+qA5+6I4+6M3+6Q2/KY1/Kc1/Kk0/Koz/Kwy/K0x' +
    '/a8x/bAw/bIv/bMu/bUt/bYt/bgs/bkr/bsr/bwq/b4p/cAp/cEo/cMo/cQn/cYm/Mcm/Mkm/Msl/Mwl/M4l+9Ak+9Ek+9Mk+tUk+tYk+tgk+dkk+dsk+N0k' +
    '+N8k9+Ak9+Il9uQl9uUl9ecm9ekm9Oom8+wm8+4m8vAm8vEm8fMm8PUl8PYj7/gh',
  cividis:
    'ACJNACNPACNQACRSACVUACZVACZXACdZAChbAChcACleACpgACpiACtkACxmACxnAC1pAC5rAC9tAC9vADBwADBwADFwADFwBDJwCDNwCzNwDjRwETVvFDZvFjZvGDdv' +
    'GjhvHDhuHTluHzpuITtuIjtuJDxuJT1tJz1tKD5tKj9tKz9tLEBtLkFsL0JsMEJsMUNsMkRsNERsNUVsNkZsN0ZsOEdsOUhsOkhrO0lrPUprPktrP0trQExrQU1rQk1r' +
    'Q05rRE9rRU9rRlBrR1FrSFFrSVJrSlNrS1RsTFRsTVVsTlZsTlZsT1dsUFhsUVhsUllsU1psVFpsVVttVlxtV11tWF1tWV5tWV9tWl9tW2BuXGFuXWFuXmJuX2NuYGRu' +
    'YWRvYWVvYmZvY2ZvZGdvZWhwZmlwZ2lwaGpwaGtxaWtxamxxa21xbG1ybW5ybm9ybnBzb3BzcHFzcXJzcnN0c3N0dHR1dHV1dXV1dnZ2d3d2eHh2eXh3eXl3enp3e3t3' +
    'fHt4fXx4fn14f314gH54gX94goB4g4B4hIF4hYJ4hYN4hoN4h4R4iIV4iYZ4ioZ4i4d4jIh4jYl4jol4j4p3kIt3kYx3kox3k413lI53lY93lo93l5B2mJF2mZJ2mpN2' +
    'm5N2nJR2nZV1npZ1n5Z1oJd1oZh0opl0o5p0pJp0pZtzppxzp51zqJ5zqZ5yqp9yq6ByrKFxraJxrqJxr6NwsKRwsaVwsqZvs6ZvtKdvtahutqlut6ptuKttuattuqxs' +
    'u61svK5rva9rvrBqv7BqwbFpwrJpw7NoxLRoxbVnxrVnx7ZmyLdlybhlyrlky7pkzLtjzbxizrxiz71h0L5g0r9g08Bf1MFe1cJe1sNd18Nc2MRb2cVa2sZa28dZ3MhY' +
    '3slX38pW4MtV4cxU4sxT481S5M5R5c9Q5tBP6NFO6dJN6tNM69RL7NVK7dZI7tdH79hG8dlE8tpD89pC9NtA9dw/9t09+N47+d86+uA4++E2/eI0/eMz/eU0/eY2/ec3',
  turbo:
    'MBI7MRVCMhhKNBtRNR5YNiFfNyNlOCZsOSlyOix5Oy9/PDKFPDWLPTeRPjqWPz2cQEChQEOmQUWrQUiwQku1Q066Q1C+Q1PCRFbHRFjLRVvORV7SRWDWRWPZRmbdRmjg' +
    'RmvjRm3mRnDoRnPrRnXtRnjwRnryRn30Rn/2RoL4RYT5RYf7RYn8RIz9Q479QpH+QZP+QJb+P5j+Ppv+PJ39O6D8OaL8OKX7Nqj5NKr4M6z2Ma/1L7HzLbTxK7bvKrnt' +
    'KLvrJr3pJcDmI8LkIcThIMbfHsncHcvaHM3XG8/UGtHSGdPPGNXMGNfKF9nHF9rEF9zCF96/GOC9GOG6GeO4GuS2G+W0HeexHuivIOmsIuupJOymJ+2jKe6gLO+dL/Ca' +
    'MvGXNfOUOPSRO/SNP/WKQvaHRveDSviATfl8Ufl5Vfp2WftyXftvYfxsZfxoaf1lbf1icf1fdP5ceP5ZfP5WgP5ThP5Qh/5Ni/5Ljv5Ikv5Glf5EmP5Cm/1Anv0+ofw9' +
    'pPw7pvs6qfs5rPo3rvk3sfg2s/g1tvc1ufU0u/Q0vvM0wPIzw/Ezxe8zyO4zyu0zzes0z+o00eg01Oc11uU12OM12uI23eA239424dw349o35dg459c46NU46tM57NE5' +
    '7c8578058Ms68sg688Y69MQ69sI698A5+L45+bw5+bo4+rc3+7U3+7M2/LA1/K40/asz/aky/aYx/aMw/qEv/p4u/pst/pgs/ZUr/ZIp/Y8o/Ywn/Ikm/IYk+4Mj+4Ai' +
    '+n0g+nof+Xce+HQc93Eb924a9msY9WgX9GUW82MV8mAU8V0T71oR7lgQ7VUP7FIO6lAN6U0N6EsM5kkL5UYK40QK4kIJ4EAI3j4I3TwH2zoH2TgG1zYG1jQF1DIF0jAF' +
    '0C8Ezi0EyysDySkDxygDxSYCwyQCwCMCviECux8BuR4BthwBtBsBsRkBrhgBrBYBqRUBphQBoxIBoBEBnRABmg4Blw0BlAwBkQsBjgoBiwkBhwgBhAcBgQYCfQUCegQC',
  coolwarm:
    'OkzAO03BPE/DPlHEP1PGQFTHQVbJQljKQ1rMRVvNRl3PR1/QSGDRSWLTS2TUTGbWTWfXTmnYUGvaUWzbUm7cU3DdVXHeVnPgV3XhWHbiWnjjW3nkXHvlXX3mX37nYIDo' +
    'YYLqY4PqZIXrZYbsZ4jtaInuaYvva43wbI7xbZDxb5HycJPzcZT0c5X0dJf1dZj2d5r2eJv3ep34e574fKD5fqH5f6L6gKT6gqX7g6b7haj7hqn8h6r8iaz8iq39i679' +
    'ja/9jrH9kLL+kbP+krT+lLX+lbf+l7j+mLn+mbr+m7v+nLz+nb3+n77+oL/+osD+o8H+pML+psP9p8T9qMX9qsb9q8f8rMj8rsn8r8r7sMv7ssv7s8z6tM36ts75t8/5' +
    'uM/4udD4u9H3vNH2vdL2vtP1wNP1wdT0wtTzw9XyxdXyxtbxx9bwyNfvydfuytjuzNjtzdnsztnrz9nq0Nrp0dro0trn09vm1dvl1tvk19vi2Nvh2dzg2tzf29ze3Nzd' +
    '3dzb3tva39vZ4NrX4drW4tnU49nT5NjR5djQ5tfP59bN59bM6NXK6dTJ6tPH69PG7NLE7NHD7dDB7c/A7s++786878278My58cu48cq28sm18siz8sey88aw88Wv9MSt' +
    '9MOr9MKq9cGo9cCn9b+l9r2k9ryi9rug9rqf9rmd9rec9raa97WY97OX97KV97GU97CS966R962P9quN9qqM9qmK9qeJ9qaH9qSG9qOE9aGC9aCB9Z5/9J1+9Jt89Jp7' +
    '85h585Z485V28pN18pFz8ZBy8Y5w8I1v8Itt74ls7odq7oZp7YRn7IJm7IBk639j6n1h6ntg6Xle6Hdd53Vc5nRa5nJZ5XBX5G5W42xU4mpT4WhS4GZQ32RP3mJO3WBM' +
    '3F5L21xK2lpI2VhH2FZG11RE1lJD1E9C001A0ks/0Uk+z0Y9zkQ8zUI6zD85yj04yTs3yDg1xjU0xTIzxDAywi0xwSowvyguviMtvB8suxoruRYquBEptg0otQgnswMm',
};

/** Places from 0 to 1 and the value there, for red, green and blue. */
type Line = readonly (readonly [at: number, value: number])[];
const ramp: Line = [
  [0, 0],
  [1, 1],
];
const full: Line = [
  [0, 1],
  [1, 1],
];
const LINES = {
  gray: [ramp, ramp, ramp],
  jet: [
    [[0, 0], [0.35, 0], [0.66, 1], [0.89, 1], [1, 0.5]],
    [[0, 0], [0.125, 0], [0.375, 1], [0.64, 1], [0.91, 0], [1, 0]],
    [[0, 0.5], [0.11, 1], [0.34, 1], [0.65, 0], [1, 0]],
  ],
  hot: [
    [[0, 0.0416], [0.365079, 1], [1, 1]],
    [[0, 0], [0.365079, 0], [0.746032, 1], [1, 1]],
    [[0, 0], [0.746032, 0], [1, 1]],
  ],
  cool: [ramp, [[0, 1], [1, 0]], full],
  bone: [
    [[0, 0], [0.746032, 0.652778], [1, 1]],
    [[0, 0], [0.365079, 0.319444], [0.746032, 0.777778], [1, 1]],
    [[0, 0], [0.365079, 0.444444], [1, 1]],
  ],
  copper: [
    [[0, 0], [0.809524, 1], [1, 1]],
    [[0, 0], [1, 0.7812]],
    [[0, 0], [1, 0.4975]],
  ],
  seismic: [
    [[0, 0], [0.25, 0], [0.5, 1], [0.75, 1], [1, 0.5]],
    [[0, 0], [0.25, 0], [0.5, 1], [0.75, 0], [1, 0]],
    [[0, 0.3], [0.25, 1], [0.5, 1], [0.75, 0], [1, 0]],
  ],
  hsv: [
    [[0, 1], [0.15873, 1], [0.174603, 0.96875], [0.333333, 0.03125], [0.349206, 0], [0.666667, 0], [0.68254, 0.03125], [0.84127, 0.96875], [0.857143, 1], [1, 1]],
    [[0, 0], [0.15873, 0.9375], [0.174603, 1], [0.507937, 1], [0.666667, 0.0625], [0.68254, 0], [1, 0]],
    [[0, 0], [0.333333, 0], [0.349206, 0.0625], [0.507937, 1], [0.84127, 1], [0.857143, 0.9375], [1, 0.09375]],
  ],
} as const satisfies Record<string, readonly [Line, Line, Line]>; // prettier-ignore

/** Matplotlib's names. */
export type BaseMap = keyof typeof LISTED | keyof typeof LINES;
export const BASE_MAPS = [...Object.keys(LISTED), ...Object.keys(LINES)] as readonly BaseMap[];

/** 256 times red, green, blue. @param isTurned - from the last one to the first */
export function coloursOf(name: BaseMap, isTurned: boolean): Uint8Array {
  if (name in LISTED) {
    const colours = fromBase64(LISTED[name as keyof typeof LISTED]);
    return isTurned ? colours.map((_, i) => colours[(255 - Math.floor(i / 3)) * 3 + (i % 3)]!) : colours;
  }
  const lines = (LINES[name as keyof typeof LINES] as readonly Line[]).map((line) =>
    isTurned ? line.map(([at, value]) => [1 - at, value] as const).reverse() : line,
  );
  return Uint8Array.from({ length: 768 }, (_, i) => Math.trunc(valueAt(lines[i % 3]!, Math.floor(i / 3)) * 255));
}

/** Rounded at the same steps as matplotlib, since the bytes are cut off. */
function valueAt(line: Line, i: number): number {
  if (i === 0) return line[0]![1];
  if (i === 255) return line.at(-1)![1];
  const place = 255 * (i * (1 / 255));
  const next = line.findIndex(([at]) => at * 255 >= place);
  const [[from, low], [to, high]] = [line[next - 1]!, line[next]!];
  return ((place - from * 255) / (to * 255 - from * 255)) * (high - low) + low;
}
