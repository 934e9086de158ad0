// V views of the student, the first G also of the teacher, b pictures of this rank, K outputs.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface DinoOptions {
  /** C, [K]: subtracted from the teacher's outputs, so that no output always wins. */
  center: Tensor;
  studentTemperature: number;
  /** Lower than the student's: sharpens the target. */
  teacherTemperature: number;
}

/**
 * softmax((t - C) / tau_t), shaped like `teacher`.
 * @equation FastCL 7.3: the target: p = softmax((t - C) / tau_t); C <- m C + (1 - m) mean(t) over global views and all ranks
 */
export function teacherDistribution(
  teacher: Tensor,
  { center, teacherTemperature }: Pick<DinoOptions, 'center' | 'teacherTemperature'>,
): Tensor {
  return ops.softmax_int(teacher.sub(center).div(teacherTemperature), -1);
}

/**
 * DINO's loss (Caron et al. 2021, equations 1 to 3):
 *
 *   L = 1 / |pairs| sum_{i in G} sum_{v in V, v != i} mean_b [ - p_i log softmax(s_v / tau_s) ],   p_i = softmax((t_i - C) / tau_t)
 *
 * The mean over ranks is the loss of the whole batch.
 *
 * @param student [V, b, K]
 * @param teacher [G, b, K], views in the same order, without gradient.
 * @equation FastCL 7.3: loss: -mean over global views i and views v != i of p_i log softmax(s_v / tau_s)
 */
export function dinoLoss(student: Tensor, teacher: Tensor, options: DinoOptions): Tensor {
  const [views, pictures] = student.shape;
  const globals = teacher.shape[0];
  const targets = teacherDistribution(teacher, options); // [G, b, K]
  const logs = ops.log_softmax_int(student.div(options.studentTemperature), -1); // [V, b, K]
  const allPairs = targets.sum(0).mul(logs.sum(0)).sum();
  const selfPairs = targets.mul(logs.narrow(0, 0, globals)).sum();
  return selfPairs.sub(allPairs).div(globals * (views - 1) * pictures);
}

/**
 * The next centre: C <- m C + (1 - m) batchMean (equation 4).
 * @param batchMean [K]: mean of the teacher's outputs over views and the pictures of all ranks.
 * @equation FastCL 7.3: the target: p = softmax((t - C) / tau_t); C <- m C + (1 - m) mean(t) over global views and all ranks
 */
export function nextCenter(center: Tensor, batchMean: Tensor, momentum: number): Tensor {
  return center.mul(momentum).add(batchMean, 1 - momentum);
}
