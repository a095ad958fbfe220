/** Pure functions that say what the shows of a session mean for one viewer: a state with a reason. */

/** @typedef {import("./book.js").Goal} Goal */
/** @typedef {import("./reasons.js").Reason} Reason */

/**
 * @typedef {object} Payment What the viewer has paid for one funding goal.
 * @property {number} amount The sum.
 * @property {string} outcome "pending", "in_question", "earned" or "refund_due"
 */

/**
 * @typedef {object} Pair A funding goal and its show, either of which may be unknown or not exist.
 * @property {Goal | null} funding
 * @property {Goal | null} show
 * @property {Payment | null} payment
 */

/**
 * @typedef {"none" | "funding" | "waiting" | "entering" | "live" | "outside" | "cancelled" | "lapsed" | "ended"} State
 */

/** @typedef {{ state: State, reason: Reason }} Standing */

/** A show that is still scheduled this many seconds after its `nbf` counts as late. */
export const LATE_SECONDS = 3;

/** A show that is still scheduled this many seconds after its `nbf` may wait for people to decide about it. */
const DELAYED_SECONDS = 60;

/** The states of a show. The states that concern a viewer most come first. */
const RANKS = ["live", "entering", "outside", "waiting", "funding", "cancelled", "lapsed", "ended", "none"];

/**
 * Group the goals of a session.
 *
 * @param {Iterable<Goal>} goals
 * @param {Map<string, Payment>} payments By the id of the funding goal.
 * @returns {Pair[]}
 */
export function pairsOf(goals, payments) {
  /** @type {Map<string, Pair>} */
  const pairs = new Map();
  for (const fundingId of payments.keys()) pairs.set(fundingId, emptyPair(fundingId, payments));
  for (const goal of goals) {
    const isShow = goal.type === "show";
    const fundingId = isShow ? (goal.context.funding_goal_id ?? goal.id) : goal.id;
    const pair = pairs.get(fundingId) ?? emptyPair(fundingId, payments);
    pairs.set(fundingId, isShow ? { ...pair, show: goal } : { ...pair, funding: goal });
  }
  return [...pairs.values()];
}

/**
 * Return the pair that concerns the viewer most, or null if there are no pairs. Paid pairs come before others. After
 * that, the order in RANKS decides, and among equals the nearness in time.
 *
 * @param {Pair[]} pairs
 * @param {(pair: Pair) => Standing} standing
 * @returns {Pair | null}
 */
export function foremost(pairs, standing) {
  /** @param {Pair} pair */
  const key = (pair) => [pair.payment ? 0 : 1, rank(standing(pair)), distance(pair, standing(pair))];
  return [...pairs].sort((one, other) => compare(key(one), key(other)))[0] ?? null;
}

/**
 * @param {Pair | null} pair
 * @param {object} known
 * @param {number} known.now The server's time, in seconds.
 * @param {boolean} known.isIn Whether the viewer has credentials that are valid now.
 * @param {Reason | null} known.trouble Why the last attempt to get credentials has failed.
 * @param {Reason | null} [known.lapse] Why no show can follow any more, if neither the goals nor the payments say so.
 * @returns {Standing}
 */
export function standingOf(pair, { now, isIn, trouble, lapse: otherLapse = null }) {
  if (!pair || !(pair.funding || pair.show || pair.payment)) return { state: "none", reason: "nothing_on_sale" };
  const { show, payment } = pair;
  const lapse = lapseOf(pair, otherLapse);
  if (lapse) return { state: "lapsed", reason: lapse };
  if (!show) return { state: "funding", reason: pair.funding?.status === "open" ? "funding_open" : "no_show_yet" };
  if (show.status === "cancelled") return { state: "cancelled", reason: cancelReason(show) };
  if (isOver(show, now)) return endOf(show);
  if (payment?.outcome === "refund_due" && !isIn) return { state: "outside", reason: "refund_due" };
  if (show.status !== "live") return waiting(show, now);
  if (isIn) return { state: "live", reason: "let_in" };
  if (!payment) return { state: "outside", reason: "not_paid" };
  return { state: "entering", reason: trouble ?? "fetching" };
}

/**
 * @param {string} fundingId
 * @param {Map<string, Payment>} payments
 * @returns {Pair}
 */
function emptyPair(fundingId, payments) {
  return { funding: null, show: null, payment: payments.get(fundingId) ?? null };
}

/**
 * @param {Pair} pair
 * @param {Reason | null} otherLapse
 * @returns {Reason | null}
 */
function lapseOf({ funding, show, payment }, otherLapse) {
  if (show && show.status !== "cancelled") return null;
  return lapseNamed(funding?.note) ?? (payment?.outcome === "refund_due" ? "refund_due" : otherLapse);
}

/**
 * Return the code if it means that no show can follow any more, and null otherwise.
 *
 * @param {string | null} [code]
 * @returns {Reason | null}
 */
export function lapseNamed(code) {
  return code === "no_show" || code === "show_cancelled" || code === "session_ended" ? code : null;
}

/**
 * @param {Goal} show
 * @returns {Reason}
 */
function cancelReason({ note }) {
  return note === "session_ended" || note === "missed" ? note : "cancelled";
}

/**
 * Tell whether the show has run and its time is over. A show that has not started is delayed, but not over.
 *
 * @param {Goal} show
 * @param {number} now
 */
function isOver({ status, access_exp }, now) {
  return status === "ended" || (status !== "scheduled" && access_exp !== null && access_exp <= now);
}

/**
 * @param {Goal} show
 * @returns {Standing}
 */
function endOf({ exp, access_exp }) {
  const isEarly = exp !== null && access_exp !== null && exp < access_exp;
  return { state: "ended", reason: isEarly ? "ended_early" : "ended" };
}

/**
 * @param {Goal} show
 * @param {number} now
 * @returns {Standing}
 */
function waiting({ nbf, note }, now) {
  if (nbf !== null && now >= nbf + DELAYED_SECONDS) return { state: "waiting", reason: "delayed" };
  if (nbf !== null && now >= nbf + LATE_SECONDS) return { state: "waiting", reason: "due" };
  return { state: "waiting", reason: note === "moved" || note === "revived" ? note : "scheduled" };
}

/**
 * Return a number that is smaller for standings that concern a viewer more. A delayed show must not hide what is on sale.
 *
 * @param {Standing} standing
 */
function rank({ state, reason }) {
  return RANKS.indexOf(state) + (reason === "delayed" ? 1.5 : 0);
}

/**
 * Return a number that is smaller for nearer pairs. Of waiting shows, the one that starts first is the nearest. Of all
 * other pairs, the latest is the nearest.
 *
 * @param {Pair} pair
 * @param {Standing} standing
 */
function distance({ show, funding }, { state }) {
  const at = show?.nbf ?? funding?.exp ?? 0;
  return state === "waiting" ? at : -at;
}

/**
 * @param {number[]} one
 * @param {number[]} other
 */
function compare(one, other) {
  for (const [index, value] of one.entries()) {
    const difference = value - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
