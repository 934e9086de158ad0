/**
 * What does one op cost? `add` of one element, created and freed, median of 15 rounds. One JSON line.
 * Twin: bench/op.py.
 */
import { scope, setThreads, tensor } from '../src/torch/index.ts';

setThreads(1);
const one = tensor([1], [1]);
const ROUNDS = 15;
const CALLS = 20_000;
const rounds: number[] = [];
for (let round = 0; round < ROUNDS + 5; round++) {
  const start = performance.now();
  for (let i = 0; i < CALLS; i++) one.add(one).dispose();
  if (round >= 5) rounds.push(((performance.now() - start) * 1000) / CALLS);
}
const scoped: number[] = [];
for (let round = 0; round < ROUNDS + 5; round++) {
  const start = performance.now();
  for (let i = 0; i < CALLS / 100; i++) {
    scope(() => {
      for (let k = 0; k < 100; k++) one.add(one);
    });
  }
  if (round >= 5) scoped.push(((performance.now() - start) * 1000) / CALLS);
}
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(
  JSON.stringify({ what: 'couplet', us_per_op: median(rounds), us_per_op_in_scopes: median(scoped) }),
);
