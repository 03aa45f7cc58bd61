// What a server sends so that a page is cross-origin isolated: it may share memory between threads then.
export const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};
