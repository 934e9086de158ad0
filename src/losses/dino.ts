// V views of the student, of which the teacher sees the first G, b pictures of this rank, K outputs of the head.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface DinoOptions {
  /** C, [K]: subtracted from the teacher's outputs, so that no output wins for all pictures. */
  center: Tensor;
  studentTemperature: number;
  /** Lower than the student's: sharpens the target. */
  teacherTemperature: number;
}

/** The teacher's distribution: softmax((t - C) / tau_t), of the shape of its outputs. */
export function teacherDistribution(
  teacher: Tensor,
  { center, teacherTemperature }: Pick<DinoOptions, 'center' | 'teacherTemperature'>,
): Tensor {
  return ops.softmax_int(teacher.sub(center).div(teacherTemperature), -1);
}

/**
 * DINO's loss (Caron et al. 2021, equations 1 to 3): the cross-entropy of the student's distribution of each view against the
 * teacher's of each other global view, averaged over pairs and pictures.
 *
 *   L = 1 / |pairs| sum_{i in G} sum_{v in V, v != i} mean_b [ - p_i log softmax(s_v / tau_s) ],   p_i = softmax((t_i - C) / tau_t)
 *
 * The target is taken as it comes: the teacher's outputs must have no gradient. The mean over ranks is the loss of the whole batch.
 *
 * @param student [V, b, K]
 * @param teacher [G, b, K], of the same views in the same order.
 */
export function dinoLoss(student: Tensor, teacher: Tensor, options: DinoOptions): Tensor {
  const [views, pictures] = student.shape;
  const globals = teacher.shape[0];
  const targets = teacherDistribution(teacher, options); // [G, b, K]
  const logs = ops.log_softmax_int(student.div(options.studentTemperature), -1); // [V, b, K]
  // All pairs at once, then those of a view with itself taken out again.
  const all = targets.sum(0).mul(logs.sum(0)).sum();
  const own = targets.mul(logs.narrow(0, 0, globals)).sum();
  return own.sub(all).div(globals * (views - 1) * pictures);
}

/**
 * The centre after a step: C <- m C + (1 - m) mean_{i, b} t_i (equation 4).
 * @param batchMean [K]: the mean of the teacher's outputs over global views and the pictures of all ranks.
 */
export function nextCenter(center: Tensor, batchMean: Tensor, momentum: number): Tensor {
  return center.mul(momentum).add(batchMean, 1 - momentum);
}
