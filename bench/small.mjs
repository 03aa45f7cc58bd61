/** Small rows for `bench/pairs.mjs`: what an operation costs beside its kernel, and picking by index. */

export function smallRows(lib) {
  const { F, nn, noGrad, ones, optim, randint, randn, zeros } = lib;
  const row = (name, make) => ({ name, make });
  /** In blocks, so that the loop around them costs nothing. */
  const block = (times, fn) => () => {
    for (let i = 0; i < times; i++) fn();
  };
  const small = (name, prepare) => row(name, () => block(20, prepare()));
  const x16 = () => randn(16);
  const leaf = () => randn(16, { requiresGrad: true });
  return [
    small('add', () =>
      (
        (x, y) => () =>
          x.add(y)
      )(x16(), x16()),
    ),
    small('relu', () =>
      (
        (x) => () =>
          x.relu()
      )(x16()),
    ),
    small('mul-scalar', () =>
      (
        (x) => () =>
          x.mul(2)
      )(x16()),
    ),
    small('add-in-place', () =>
      (
        (x, y) => () =>
          x.add_(y)
      )(x16(), x16()),
    ),
    small('add-recorded', () =>
      (
        (x, y) => () =>
          x.add(y)
      )(leaf(), x16()),
    ),
    small('sum', () =>
      (
        (x) => () =>
          x.sum()
      )(x16()),
    ),
    small('item', () =>
      (
        (x) => () =>
          x.item()
      )(ones(1)),
    ),
    small('view', () =>
      (
        (x) => () =>
          x.view(4, 4)
      )(x16()),
    ),
    small('at', () =>
      (
        (x) => () =>
          x.at(':', '1:')
      )(randn(4, 4)),
    ),
    small('zeros', () => () => zeros(16)),
    small('no-grad', () => () => noGrad(() => 1)),
    small('no-grad-guard', () => () => noGrad()[Symbol.dispose]()),
    small('zero-grad', () =>
      (
        (m) => () =>
          m.zeroGrad()
      )(nn.Sequential ? new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU(), new nn.Linear(2, 2)) : null),
    ),
    small('add-backward', () =>
      ((x, y) => () => {
        x.grad = null;
        x.add(y).sum().backward();
      })(leaf(), x16()),
    ),
    small('linear-forward', () =>
      (
        (l, x) => () =>
          noGrad(() => l(x))
      )(new nn.Linear(1, 1), randn(1, 1)),
    ),
    small('linear-step', () =>
      ((l, x) => () => {
        l.zeroGrad();
        l(x).sum().backward();
      })(new nn.Linear(1, 1), randn(1, 1)),
    ),
    small('sequential', () =>
      (
        (l, x) => () =>
          l(x)
      )(new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU(), new nn.Linear(4, 4)), randn(1, 4)),
    ),
    small('loss', () =>
      (
        (x, y) => () =>
          F.crossEntropy(x, y)
      )(randn(4, 10), randint(0, 10, [4])),
    ),
    small('sgd', () => sgdLoop(lib)),
    small('loop-20us', () => learnLoop(lib)),
    ...indexRows({ randint, randn }, small),
  ];

  function learnLoop() {
    const x = randn(1, 4);
    const layer = new nn.Linear(4, 1);
    return () => {
      layer.zeroGrad();
      layer(x).pow(2).sum().backward();
      noGrad(() => {
        for (const p of layer.parameters()) p.sub_(p.grad.mul(1e-3));
      });
    };
  }

  function sgdLoop() {
    const layer = new nn.Linear(4, 1);
    const optimizer = new optim.SGD(layer.parameters(), { lr: 1e-3, momentum: 0.9 });
    layer(randn(1, 4)).sum().backward();
    return () => optimizer.step();
  }
}

function indexRows({ randint, randn }, small) {
  const square = () => randn(200, 200);
  const places = () => randint(0, 200, [200, 200]);
  const rows = () => randint(0, 2000, [2000]);
  return [
    small('gather-columns', () =>
      (
        (x, i) => () =>
          x.gather(0, i)
      )(square(), places()),
    ),
    small('gather-rows', () =>
      (
        (x, i) => () =>
          x.gather(1, i)
      )(square(), places()),
    ),
    small('gather-rows-small', () =>
      (
        (x, i) => () =>
          x.gather(1, i)
      )(randn(20, 4), randint(0, 4, [20, 4])),
    ),
    small('index-select', () =>
      (
        (x, i) => () =>
          x.indexSelect(0, i)
      )(randn(2000, 64), rows()),
    ),
    small('index-select-1', () =>
      (
        (x, i) => () =>
          x.indexSelect(0, i)
      )(randn(20000), randint(0, 20000, [20000])),
    ),
  ];
}
