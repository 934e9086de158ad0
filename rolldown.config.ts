// The browser's half of a search page. What is imported is put into one file, so that a page makes few requests and needs no bundler.
// onnxruntime-web stays a file of its own: a page copies it beside its wasm, both from the same package.
const browser = 'src/search-page/browser';
const output = { dir: 'dist/search-page/browser', minify: true } as const;

export default [
  // A classic script, which also runs where the page is opened as a file and can only say so.
  { input: { page: `${browser}/page.ts` }, platform: 'browser', output: { ...output, format: 'iife' } },
  {
    input: { worker: `${browser}/worker.ts` },
    platform: 'browser',
    external: ['onnxruntime-web/wasm'],
    output: { ...output, format: 'esm', paths: { 'onnxruntime-web/wasm': './ort.js' } },
  },
];
