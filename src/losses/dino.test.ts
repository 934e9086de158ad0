import { describe, expect, test } from 'vitest';
import { dot, error, finiteDifferences, type Matrix, uniform } from '../../tests/contract/numbers.ts';
import { backward, gradsOf, scope, type Tensor, tensor } from '../torch/index.ts';
import { dinoLoss, nextCenter, teacherDistribution } from './dino.ts';

const V = 4;
const G = 2;
const B = 3;
const K = 5;
type Views = Matrix[]; // [views][pictures][outputs]

const draw = (views: number, seed: number, scale = 1): Views => {
  const next = uniform(seed);
  return Array.from({ length: views }, () =>
    Array.from({ length: B }, () => Array.from({ length: K }, () => scale * next())),
  );
};
const STUDENT = draw(V, 1);
const TEACHER = draw(G, 2);
const CENTER = draw(1, 3)[0][0];
const OPTIONS = { studentTemperature: 0.1, teacherTemperature: 0.04 };

const cube = (views: Views, dtype: 'float64' | 'float32' = 'float64') =>
  tensor(Float64Array.from(views.flat(2)), [views.length, views[0].length, views[0][0].length], { dtype });
const row = (values: number[]) => tensor(Float64Array.from(values));
const lossOf = (student: Views, teacher: Views, center = CENTER, temperatures = OPTIONS) =>
  scope(() => dinoLoss(cube(student), cube(teacher), { center: row(center), ...temperatures }).item());

const softmax = (values: number[]) => {
  const most = Math.max(...values);
  const powers = values.map((v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((v) => v / sum);
};

/** Pair by pair, picture by picture. */
function naive(student: Views, teacher: Views, center = CENTER, temperatures = OPTIONS): number {
  const { studentTemperature, teacherTemperature } = temperatures;
  const losses: number[] = [];
  teacher.forEach((target, i) => {
    student.forEach((view, v) => {
      if (v === i) return;
      view.forEach((outputs, b) => {
        const p = softmax(target[b].map((t, k) => (t - center[k]) / teacherTemperature));
        const logs = softmax(outputs.map((s) => s / studentTemperature)).map(Math.log);
        losses.push(-dot(p, logs));
      });
    });
  });
  return losses.reduce((sum, v) => sum + v) / losses.length;
}

describe('dinoLoss', () => {
  // @proves dinoLoss
  test('closed forms', () => {
    const flat = (views: number) => draw(views, 1, 0);
    expect(lossOf(flat(V), TEACHER)).toBeCloseTo(Math.log(K), 12); // a uniform student
    expect(lossOf(flat(V), flat(G), CENTER)).toBeCloseTo(Math.log(K), 12);
    const onto = (view: Views) => view.map((pictures) => pictures.map(() => [1, 0, 0, 0, 0]));
    const sure = lossOf(onto(STUDENT), onto(TEACHER), [0, 0, 0, 0, 0], {
      studentTemperature: 0.1,
      teacherTemperature: 1e-3,
    });
    expect(sure).toBeCloseTo(Math.log(1 + 4 * Math.exp(-10)), 12);
  });

  // @proves dinoLoss
  test('the loop over pairs; a view is never its own target', () => {
    expect(error([lossOf(STUDENT, TEACHER)], [naive(STUDENT, TEACHER)])).toBeLessThan(1e-13);
    const pair = STUDENT.slice(0, 2); // two global views
    expect(error([lossOf(pair, TEACHER)], [naive(pair, TEACHER)])).toBeLessThan(1e-13);
    const one = TEACHER.slice(0, 1);
    const before = lossOf(pair, one);
    expect(lossOf([pair[1], pair[1]], one)).toBeCloseTo(before, 12); // view 0 is the only target
  });

  test('does not change with the order of pictures, local views and outputs, nor with a constant on all outputs', () => {
    const loss = lossOf(STUDENT, TEACHER);
    const pictures = (views: Views) => views.map((rows) => [2, 0, 1].map((b) => rows[b]));
    expect(lossOf(pictures(STUDENT), pictures(TEACHER))).toBeCloseTo(loss, 12);
    expect(lossOf([STUDENT[0], STUDENT[1], STUDENT[3], STUDENT[2]], TEACHER)).toBeCloseTo(loss, 12);
    expect(lossOf([STUDENT[1], STUDENT[0], STUDENT[2], STUDENT[3]], TEACHER)).not.toBeCloseTo(loss, 3);
    const turned = (views: Views) => views.map((rows) => rows.map((r) => [...r.slice(2), ...r.slice(0, 2)]));
    const turnedCenter = [...CENTER.slice(2), ...CENTER.slice(0, 2)];
    expect(lossOf(turned(STUDENT), turned(TEACHER), turnedCenter)).toBeCloseTo(loss, 12);
    const shifted = (views: Views) => views.map((rows) => rows.map((r) => r.map((v) => v + 7)));
    expect(lossOf(shifted(STUDENT), shifted(TEACHER))).toBeCloseTo(loss, 10);
  });

  // @proves dinoLoss
  test('gradient of the student by finite differences; a target without gradient gets none', () => {
    scope(() => {
      const [student, teacher] = [cube(STUDENT).requireGrad(), cube(TEACHER)];
      backward(dinoLoss(student, teacher, { center: row(CENTER), ...OPTIONS }));
      const [gradient, none] = gradsOf([student, teacher]);
      const numeric = finiteDifferences((x) => naive(reshaped(x), TEACHER), STUDENT.flat(2));
      expect(error(gradient!.toNumbers(), numeric)).toBeLessThan(1e-7);
      expect(none).toBeNull();
    });
  });

  test('the mean over equal parts of the batch is the whole: nothing but the centre knows other ranks', () => {
    const part = (views: Views, b: number) => views.map((rows) => [rows[b]]);
    const parts = [0, 1, 2].map((b) => lossOf(part(STUDENT, b), part(TEACHER, b)));
    expect(parts.reduce((sum, v) => sum + v) / 3).toBeCloseTo(lossOf(STUDENT, TEACHER), 12);
  });

  test('float32 with cosines as outputs stays within 1e-5', () => {
    scope(() => {
      const options = { center: row(CENTER).to('float32'), ...OPTIONS };
      const loss = dinoLoss(cube(STUDENT, 'float32'), cube(TEACHER, 'float32'), options).item();
      expect(error([loss], [naive(STUDENT, TEACHER)])).toBeLessThan(1e-5);
    });
  });
});

const reshaped = (x: number[]): Views =>
  Array.from({ length: V }, (_, v) =>
    Array.from({ length: B }, (_, b) => x.slice((v * B + b) * K, (v * B + b + 1) * K)),
  );

describe('the centre', () => {
  // @proves teacherDistribution
  test('moves by 1 - m of the way to the mean of the teacher', () => {
    const numbers = scope(() => nextCenter(row([1, 2]), row([3, -2]), 0.9).toNumbers());
    expect(error(numbers, [1.2, 1.6])).toBeLessThan(1e-15);
  });

  // @proves teacherDistribution
  test('at its fixed point it is the mean, and no output wins for all pictures', () => {
    scope(() => {
      const teacher = cube(TEACHER);
      const mean = teacher.mean([0, 1]);
      let center: Tensor = row(CENTER);
      for (let step = 0; step < 200; step++) center = nextCenter(center, mean, 0.9);
      expect(error(center.toNumbers(), mean.toNumbers())).toBeLessThan(1e-8);
      const biased = teacher.add(row([9, 0, 0, 0, 0])); // one output always wins
      const options = { center: biased.mean([0, 1]), teacherTemperature: 0.5 };
      const p = teacherDistribution(biased, options);
      const plain = teacherDistribution(teacher, { center: mean, teacherTemperature: 0.5 });
      expect(error(p.toNumbers(), plain.toNumbers())).toBeLessThan(1e-10);
    });
  });
});
