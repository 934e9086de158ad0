#!/usr/bin/env node
// CommonJS: Node starts libuv's thread pool to read ES modules, and the pool never grows after that.
// sharp decodes pictures in this pool, whose default is four threads on every machine.
const { availableParallelism } = require('node:os') as typeof import('node:os');

process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

void import('./main.ts');
