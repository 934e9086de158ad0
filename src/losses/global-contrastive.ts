// FastCLIP's global contrastive loss (docs/papers/fastclip.md).
// b anchors of this rank, B of all ranks, E embedding; [2, ...] is image, then text anchors.
import { type DType, noGrad, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface PerAnchor {
  image: Tensor;
  text: Tensor;
}

/** Unit features. `global` has gradient only with `gathersGradient`. */
export interface ContrastiveBatch {
  local: PerAnchor; // [b, E]
  global: PerAnchor; // [B, E]
  similarity: Similarity;
  negatives: Tensor; // bool [b, B]
}

/** This rank's anchors by all candidates, with gradient. */
export interface Similarity {
  image: Tensor; // [b, B]
  text: Tensor; // [b, B]
  positive: Tensor; // [b] s_ii
  difference: Tensor; // [2, b, B] h_ij = s_ij - s_ii
}

/** One product serves both anchors when `global` is `local`. */
export function similarityOf(local: PerAnchor, global: PerAnchor): Similarity {
  const isAll = local.image === global.image && local.text === global.text;
  const image = local.image.matmul(global.text.t);
  const text = isAll ? image.t : local.text.matmul(global.image.t);
  const positive = isAll ? image.diagonal() : local.image.mul(local.text).sum(1);
  return { image, text, positive, difference: bothOf({ image, text }).sub(positive.unsqueeze(1)) };
}

/** [...] each -> [2, ...]. */
const bothOf = ({ image, text }: PerAnchor): Tensor => ops.stack([image, text]);

/** [2, ...] -> views [...]. */
export function eachOf(both: Tensor): PerAnchor {
  const [image, text] = both.unbind(0);
  return { image, text };
}

/**
 * bool [b, B]: whether ids differ. A duplicate is no negative.
 * @equation FastCLIP 1.1: h_ij = s_ij - s_ii, over j in B_i-
 */
export function negativesOf(localIds: Tensor, globalIds: Tensor): Tensor {
  return ops.ne_Tensor(localIds.unsqueeze(1), globalIds.unsqueeze(0));
}

/**
 * log |B_i-| of each sample: ids int64 [B] -> [B]; 0 without negatives.
 * @equation FastCLIP 1.1: h_ij = s_ij - s_ii, over j in B_i-
 */
export function logNegativeCount(ids: Tensor, dtype: DType): Tensor {
  const order = ops.argsort(ids);
  const place = (right: boolean) => ops.searchsorted_Tensor(ids, ids, false, right, undefined, order);
  return place(false).sub(place(true)).add(ids.shape[0]).to(dtype).clamp(1, null).log();
}

/** The same from the mask [B, B], without sorting. */
export function logNegativeCountIn(negatives: Tensor, dtype: DType): Tensor {
  return negatives.sum(1).to(dtype).clamp(1, null).log();
}

/**
 * Inner function (FastCLIP 1.2): g_i = 1/|B_i-| sum_{j in B_i-} exp(h_ij / tau), h_ij = s_ij - s_ii.
 * @param difference h [..., b, B]. @param tau scalar or [..., b]. @param logCount log |B_i-|, [b].
 * @returns log g [..., b]; -inf without negatives.
 * @equation FastCLIP 1.2: g1_i, g2_i = 1/|B_i-| sum_j exp(h_ij / tau)
 */
export function logInnerEstimate(
  difference: Tensor,
  { negatives, logCount, tau }: { negatives: Tensor; logCount: Tensor; tau: Tensor },
): Tensor {
  const scaled = difference.div(tau.dim === 0 ? tau : tau.unsqueeze(-1));
  const masked = ops.where_ScalarOther(negatives, scaled, Number.NEGATIVE_INFINITY);
  return ops.logsumexp(masked, [-1]).sub(logCount);
}

/**
 * Moving average as a logarithm (FastCLIP 1.4 and 10.1):
 *   L <- logaddexp(log(1 - gamma) + L, log gamma + log(eps + g)),   L = log(eps + u); on the first visit log(eps + g).
 * @param previous L [b]. @param logInner log g [b]. @param visited bool [b]. @param gamma in (0, 1].
 * @equation FastCLIP 1.4: u_i <- (1 - gamma) u_i + gamma g_i; at the first visit u_i <- g_i
 * @equation FastCLIP 10.1: in logs, eps inside: L = log(eps + u) <- logaddexp(log(1 - gamma) + L, log gamma + log(eps + g))
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

/** @equation FastCLIP 1.2: RGCL: 1/n sum_i tau_i (log(eps + g_i) + rho), both anchors */
export interface AnchorState {
  logU: PerAnchor; // log(eps + u)
  logCount: Tensor; // log |B_i-|
  /** Individual temperatures instead of the global one. */
  tau?: PerAnchor;
}

export interface SurrogateOptions {
  local: AnchorState; // [b]
  global: AnchorState; // [B]
  /** Global temperature, a scalar without gradient. */
  tau: Tensor;
  /** Multiplies each anchor's part by its temperature. */
  timesTau?: boolean;
  /** `global` has gradient (OpenCLIP's reduction), so part b would count it twice. */
  gathersGradient?: boolean;
}

/**
 * w_ij = exp(h_ij / tau_i) / ((eps + u_i) |B_i-|), [2, b, B], without gradient; 0 for no negative.
 * @equation FastCLIP 1.5: part a: anchors of this rank with gradient, all candidates without; part b: the reverse
 */
function weightsOf(
  difference: Tensor,
  { tau, logWeight, negatives }: { tau: Tensor; logWeight: Tensor; negatives: Tensor },
): Tensor {
  return noGrad(() => ops.where_ScalarOther(negatives, difference.div(tau).sub(logWeight).exp(), 0));
}

const CANDIDATE_DIM = { anchorsInRows: 2, anchorsInColumns: 1 } as const;

/**
 * Surrogate (FastCLIP 1.5). Its gradient, averaged over ranks, is the estimator; its value means nothing.
 *   L = 1/2 1/|B| sum_i c_i sum_j w_ij h_ij / tau_i over both kinds of anchors,   c_i = tau_i with `timesTau`, else 1.
 * Part a has gradient through this rank's anchors, part b through its candidates.
 *
 * @returns `loss`: scalar; `a`: [b] per anchor, sum_j w_ij h_ij / tau_i (FastCLIP 1.6), detached.
 * @equation FastCLIP 1.2: GCL: tau/n sum_i [log(eps + g1_i) + log(eps + g2_i)]
 * @equation FastCLIP 1.2: RGCL: 1/n sum_i tau_i (log(eps + g_i) + rho), both anchors
 * @equation FastCLIP 1.2: RGCL-g: GCL + 2 rho tau
 * @equation FastCLIP 1.5: G = c 1/2 1/B sum_i [q1_i grad g1_i + q2_i grad g2_i], c = 1, or tau with `timesTau`
 * @equation FastCLIP 1.5: part a: anchors of this rank with gradient, all candidates without; part b: the reverse
 * @equation FastCLIP 1.5: the surrogate: 1/2 (L_a + L_b) sg(c); its value means nothing
 * @equation FastCLIP 1.6: a_i = mean_j q_i exp(h_ij / tau) h_ij / tau
 */
export function surrogateLoss(
  batch: ContrastiveBatch,
  options: SurrogateOptions,
): { loss: Tensor; a: PerAnchor } {
  const { local, global, similarity, negatives } = batch;
  const { timesTau = false, gathersGradient = false } = options;

  /** `sums`: sum_j w_ij h_ij, [2, anchors]. */
  const part = (difference: Tensor, state: AnchorState, anchors: keyof typeof CANDIDATE_DIM) => {
    const dim = CANDIDATE_DIM[anchors];
    const tau = state.tau ? bothOf(state.tau) : options.tau;
    const weights = weightsOf(difference, {
      tau: tau.dim === 0 ? tau : tau.unsqueeze(dim),
      logWeight: bothOf(state.logU).add(state.logCount).unsqueeze(dim),
      negatives,
    });
    return { sums: weights.mul(difference).sum(dim), tau };
  };
  const total = ({ sums, tau }: ReturnType<typeof part>) => (timesTau ? sums : sums.div(tau)).sum();

  const a = part(similarity.difference, options.local, 'anchorsInRows');
  let sum = total(a);
  if (!gathersGradient) {
    // Image anchor i and text candidate j meet at similarity.text[j, i].
    const positive = global.image.mul(global.text).sum(1); // [B]
    const difference = bothOf({ image: similarity.text, text: similarity.image }).sub(positive);
    sum = sum.add(total(part(difference, options.global, 'anchorsInColumns')));
  }
  return { loss: sum.mul(0.5 / local.image.shape[0]), a: eachOf(a.sums.detach().div(a.tau)) };
}

/**
 * FastCLIP 1.6: the loss's gradient, or the released code's.
 * @equation FastCLIP 1.6: v3 `exact`: rho + 1/2 mean(log(eps + u1) + log(eps + u2)) - 1/2 mean(a1 + a2)
 */
export type GradientForm = 'exact' | 'released';

const meanOfBoth = (pair: PerAnchor): Tensor => pair.image.add(pair.text).mean();

/**
 * The released code counts `a` twice.
 * @equation FastCLIP 1.6: v3 `released`: rho + 1/2 mean(log u1 + log u2) - mean(a1 + a2)
 * @equation FastCLIP 1.6: v0: -c/tau mean(a1 + a2), c = 1/2 `exact`, 1 `released`
 */
const shareOfA = (form: GradientForm): number => (form === 'exact' ? 0.5 : 1);

/**
 * v3's gradient by the global temperature (FastCLIP 1.6):
 *   dL/dtau = rho + 1/2 mean(log(eps + u1) + log(eps + u2)) - c mean(a1 + a2),   c = 1/2 `exact`, 1 `released`.
 * The released code's logarithms are of u, without eps.
 * @param logU log(eps + u)
 * @equation FastCLIP 1.2: RGCL-g: GCL + 2 rho tau
 * @equation FastCLIP 1.6: v3 `exact`: rho + 1/2 mean(log(eps + u1) + log(eps + u2)) - 1/2 mean(a1 + a2)
 * @equation FastCLIP 1.6: v3 `released`: rho + 1/2 mean(log u1 + log u2) - mean(a1 + a2)
 */
export function temperatureGradient(
  logU: PerAnchor,
  a: PerAnchor,
  { rho, form, eps }: { rho: number; form: GradientForm; eps: number },
): Tensor {
  const both = ({ image, text }: PerAnchor) => image.add(text);
  const logs =
    form === 'exact' ? logU : { image: withoutEps(logU.image, eps), text: withoutEps(logU.text, eps) };
  return both(logs).mul(0.5).add(both(a), -shareOfA(form)).mean().add(rho);
}

/** log(eps + u) -> log u. A u that rounding hides behind eps counts as the smallest that shows. */
function withoutEps(logU: Tensor, eps: number): Tensor {
  const smallest = (logU.dtype === 'float64' ? 2 ** -52 : 2 ** -23) * Math.max(1, -Math.log(eps));
  const share = logU.neg().add(Math.log(eps)).exp().neg().add(1); // u / (eps + u)
  return logU.add(share.clamp(smallest, null).log());
}

/**
 * v0's gradient by the temperature (FastCLIP 1.6): dL/dtau = -c / tau mean(a1 + a2).
 * @equation FastCLIP 1.6: v0: -c/tau mean(a1 + a2), c = 1/2 `exact`, 1 `released`
 */
export function plainTemperatureGradient(
  a: PerAnchor,
  { tau, form }: { tau: Tensor; form: GradientForm },
): Tensor {
  return meanOfBoth(a).div(tau).mul(-shareOfA(form));
}

/**
 * v2's gradient by each anchor's temperature (FastCLIP 1.6), [b] each, kept within 5: log(eps + u_i) + rho - a_i.
 * @equation FastCLIP 1.6: v2, each anchor: log(eps + u_i) + rho - a_i, within -5 and 5, for both values of `gradient`
 */
export function individualTemperatureGradient(logU: PerAnchor, a: PerAnchor, rho: number): PerAnchor {
  const gradient = (side: keyof PerAnchor) => logU[side].sub(a[side]).add(rho).clamp(-5, 5);
  return { image: gradient('image'), text: gradient('text') };
}
