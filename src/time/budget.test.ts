import { expect, test } from 'vitest';
import { Budget, stepsWithin } from './budget.ts';

const step = (forwards: number, seconds = 0) => ({ steps: 1, forwards, seconds });

// @proves Budget
test('a budget in forwards is spent by what steps cost, and takes none that it cannot pay', () => {
  const budget = new Budget('forwards', 10);
  budget.spend(step(4));
  expect(budget.progress).toBeCloseTo(0.4, 12);
  expect(budget.isExceededBy(step(6))).toBe(false);
  expect(budget.isExceededBy(step(6.1))).toBe(true);
  budget.spend(step(6));
  expect(budget.progress).toBe(1);
  expect(budget.isExceededBy(step(1))).toBe(true);
});

test('tenths that do not add up in binary still pay for the last step', () => {
  const budget = new Budget('forwards', 1);
  for (let i = 0; i < 10; i++) {
    expect(budget.isExceededBy(step(0.1))).toBe(false);
    budget.spend(step(0.1));
  }
  expect(budget.isExceededBy(step(0.1))).toBe(true);
});

test('a budget in seconds ends with the step that uses it up', () => {
  const budget = new Budget('seconds', 1);
  budget.spend(step(1, 0.9));
  expect(budget.isExceededBy(step(1))).toBe(false);
  budget.spend(step(1, 0.2));
  expect(budget.progress).toBe(1);
  expect(budget.isExceededBy(step(1))).toBe(true);
  expect(budget.spent).toEqual({ steps: 2, forwards: 2, seconds: 1.1 });
});

// @proves Budget
test('steps within a budget: half of it at cost 1, half at cost 4', () => {
  const costAt = (progress: number) => step(progress < 0.5 ? 1 : 4);
  expect(stepsWithin({ unit: 'forwards', total: 80 }, costAt)).toBe(40 + 10);
});

test('restored, it goes on where it was', () => {
  const [first, second] = [new Budget('forwards', 3), new Budget('forwards', 3)];
  first.spend(step(0.1));
  first.spend(step(0.7));
  second.restore(JSON.parse(JSON.stringify(first.spent)));
  expect(second.progress).toBe(first.progress);
});
