// A source file whose contents are made at build time, for esbuild (the build, the browser tests) and for Vite (tests).

/**
 * @param name of the plugins
 * @param filter which file it is
 * @param make its text, asked for once
 */
export function madeModule(name, filter, make) {
  let text;
  const once = () => (text ??= make());
  return {
    esbuild: {
      name,
      setup(build) {
        build.onLoad({ filter }, async () => ({ contents: await once(), loader: 'js' }));
      },
    },
    vite: { name, enforce: 'pre', load: (id) => (filter.test(id) ? once() : null) },
  };
}
