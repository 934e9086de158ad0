#!/usr/bin/env node
// The command `couplet`. CommonJS, because it must run before anything else: Node reads ES modules with libuv's thread pool,
// so by the time that the first line of an ES module runs the pool has its size.
//
// UV_THREADPOOL_SIZE: sharp decodes in libuv's pool, which all worker threads share: 4 by default, however many cores there are.
// OpenMP's threads are set where libtorch is loaded, in src/torch/native.ts.
const { availableParallelism } = require('node:os') as typeof import('node:os');

process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

void import('./main.ts');
