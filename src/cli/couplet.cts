#!/usr/bin/env node
// The command `couplet`, and the one place where thread counts are set.
//
// CommonJS, because it must run before anything else: Node reads ES modules with libuv's thread pool, so by the time that the
// first line of an ES module runs the pool has its size. libtorch reads OMP_NUM_THREADS when it is loaded, which is later.
//
// UV_THREADPOOL_SIZE: sharp decodes in libuv's pool, which all worker threads share: 4 by default, however many cores there are.
// GOMP_SPINCOUNT: how long an idle OpenMP thread spins before it sleeps. By default it is milliseconds, in which it takes a core
// from the decoders and from other programs: on two busy cores a small model trained four to five times slower. 1000 turns are
// microseconds, and what libgomp itself takes once it notices that there are more threads than cores.
// OMP_NUM_THREADS: the cores of this machine are shared by its ranks. A config's `threads` goes before it, and so does torchrun's.
const { availableParallelism } = require('node:os') as typeof import('node:os');

const cores = availableParallelism();
const ranksHere = Math.max(1, Number(process.env.LOCAL_WORLD_SIZE) || 1);
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, cores));
process.env.GOMP_SPINCOUNT ??= '1000';
process.env.OMP_NUM_THREADS ??= String(Math.max(1, Math.floor(cores / ranksHere)));

void import('./main.ts');
