// FastCLIP's global contrastive loss (Wei et al. 2024, arXiv 2407.01445): three pure functions.
// b anchors of this rank, B anchors of all ranks, E embedding. Every exponential is taken of a difference of logs,
// so nothing overflows or underflows at tau = 0.01; eps sits inside the logs.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** One value per sample for each kind of anchor. */
export interface PerAnchor {
  image: Tensor;
  text: Tensor;
}

/** The features of one rank, with gradient, and those of all ranks without; equal rows when there is one rank. */
export interface ContrastiveBatch {
  local: PerAnchor; // [b, E]
  global: PerAnchor; // [B, E], detached
  /** bool [b, B]: true where candidate j is not anchor i itself nor a duplicate of it. */
  negatives: Tensor;
}

/** Samples that differ: bool [b, B]. A duplicate id in a batch is no negative of itself. */
export function negativesOf(localIds: Tensor, globalIds: Tensor): Tensor {
  return ops.ne_Tensor(localIds.unsqueeze(1), globalIds.unsqueeze(0));
}

/** log of the number of negatives of each anchor, [b]; 0 for an anchor without any, whose sum over them is 0 already. */
export function logNegativeCount(negatives: Tensor, like: Tensor): Tensor {
  return negatives.sum(1).to(like.dtype).clamp(1, null).log();
}

/**
 * Inner function, section 1.2:  g_i = 1/|B_i-| sum_{j in B_i-} exp(h_ij / tau),  h_ij = s_ij - s_ii.
 * @param similarity [b, B] anchor i against candidate j. @param positive [b] s_ii. @param tau scalar.
 * @returns log g [b]; -inf for an anchor without negatives.
 */
export function logInnerEstimate(
  similarity: Tensor,
  positive: Tensor,
  { negatives, tau }: { negatives: Tensor; tau: Tensor },
): Tensor {
  const scaled = similarity.sub(positive.unsqueeze(1)).div(tau);
  const masked = ops.masked_fill_Scalar(scaled, negatives.logicalNot(), Number.NEGATIVE_INFINITY);
  return ops.logsumexp(masked, [1]).sub(logNegativeCount(negatives, similarity));
}

/**
 * Moving average, section 1.4, in the log domain with eps inside (10.1): with L = log(eps + u),
 *   log(eps + (1 - gamma) u + gamma g) = logaddexp(log(1 - gamma) + L, log gamma + log(eps + g)).
 * A sample seen for the first time takes log(eps + g).
 * @param previous [b] log(eps + u). @param visited bool [b]. @param logInner [b] log g. @param gamma in (0, 1].
 */
export function movingAverage(
  previous: Tensor,
  logInner: Tensor,
  { visited, gamma, eps }: { visited: Tensor; gamma: number; eps: number },
): Tensor {
  const current = ops.logaddexp(
    logInner,
    ops.full([], Math.log(eps), logInner.dtype, undefined, logInner.device),
  );
  if (gamma >= 1) return current; // log(1 - gamma) would be -inf
  const averaged = ops.logaddexp(previous.add(Math.log1p(-gamma)), current.add(Math.log(gamma)));
  return ops.where_self(visited, averaged, current);
}

/** What the surrogate needs of every anchor on every rank: log(eps + u) and the log of its number of negatives, [B] each. */
export interface AnchorState {
  logU: PerAnchor;
  logCount: Tensor;
}

/** sum_j w_ij h_ij / tau and its detached value per anchor; w_ij = exp(h_ij/tau - log(eps+u_i)) / |B_i-| carries no gradient. */
function weighted(
  difference: Tensor,
  options: { tau: Tensor; logWeight: Tensor; negatives: Tensor },
): Tensor {
  const scaled = difference.div(options.tau);
  const weight = scaled.detach().sub(options.logWeight).exp();
  return ops.masked_fill_Scalar(weight, options.negatives.logicalNot(), 0).mul(scaled);
}

/**
 * Surrogate loss, section 1.5. Its value means nothing; its gradient, averaged over ranks, is the estimator
 *   G = 1/2 1/|B| sum_i [ grad g1_i / (u1_i + eps) + grad g2_i / (u2_i + eps) ].
 * Part a lets gradient through the anchors of this rank, part b through its candidates, so that features of other
 * ranks are needed only detached. Both temperatures are `tau`: pass it detached, its gradient has a closed form.
 *
 * @returns `loss`: scalar with gradient; `a`: [b] per anchor, sum_j w_ij h_ij / tau (section 1.6), detached.
 */
export function surrogateLoss(
  batch: ContrastiveBatch,
  anchors: { local: AnchorState; global: AnchorState; tau: Tensor },
): { loss: Tensor; a: PerAnchor } {
  const { local, global, negatives } = batch;
  const { tau } = anchors;
  const imageToText = local.image.matmul(global.text.t); // [b, B] local images against all texts
  const textToImage = local.text.matmul(global.image.t); // [b, B]
  const positive = local.image.mul(local.text).sum(1).unsqueeze(1); // [b, 1], with gradient: the anchor's own pair
  const globalPositive = global.image.mul(global.text).sum(1).unsqueeze(0); // [1, B], without

  const own = (logU: Tensor) => logU.add(anchors.local.logCount).unsqueeze(1); // [b, 1]
  const all = (logU: Tensor) => logU.add(anchors.global.logCount).unsqueeze(0); // [1, B]
  const part = (difference: Tensor, logWeight: Tensor) => weighted(difference, { tau, logWeight, negatives });

  // a: anchors of this rank, all candidates.
  const aImage = part(imageToText.sub(positive), own(anchors.local.logU.image));
  const aText = part(textToImage.sub(positive), own(anchors.local.logU.text));
  // b: all anchors, candidates of this rank. A candidate text j meets image anchor i at textToImage[j, i].
  const bImage = part(textToImage.sub(globalPositive), all(anchors.global.logU.image));
  const bText = part(imageToText.sub(globalPositive), all(anchors.global.logU.text));

  // Part a only lends gradient to what is local: candidates in `global` are detached already.
  const rows = local.image.shape[0];
  const loss = aImage
    .add(aText)
    .add(bImage)
    .add(bText)
    .sum()
    .mul(0.5 / rows);
  return { loss, a: { image: aImage.detach().sum(1), text: aText.detach().sum(1) } };
}

/**
 * The temperature's gradient for RGCL-g (v3), halved like the rest, section 1.6:
 *   dL/dtau = rho + 1/2 mean(log(eps+u1) + log(eps+u2)) - c mean(a1 + a2),   c = 1/2 `exact`, 1 `released`.
 * The released code counts the last term twice, because the scale carries gradient in both parts of its surrogate.
 */
export function temperatureGradient(
  logU: PerAnchor,
  a: PerAnchor,
  { rho, form }: { rho: number; form: 'exact' | 'released' },
): Tensor {
  const average = (pair: PerAnchor) => pair.image.add(pair.text).mean();
  return average(logU)
    .mul(0.5)
    .sub(average(a).mul(form === 'exact' ? 0.5 : 1))
    .add(rho);
}
