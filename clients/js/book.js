/**
 * What a client knows of the goals of a session, from events and from responses of the API.
 *
 * Events and responses can be repeated, late and out of order, so each is taken only if nothing newer is known.
 */

const REMEMBERED_EVENTS = 2000;

/**
 * @typedef {object} Goal A show (`type` is "show") or a funding goal ("show-funding").
 * @property {string} id
 * @property {string} type
 * @property {string} status "scheduled", "live", "ended" or "cancelled"; "open" or "closed"; "unknown" before it was read
 * @property {number} version
 * @property {number | null} nbf When a show starts, in Unix seconds.
 * @property {number | null} access_exp When the access to a show ends.
 * @property {number | null} exp When a show ended, or when a funding goal closes.
 * @property {number} progress
 * @property {{ title: string, target: number }[]} levels
 * @property {Record<string, any>} context
 * @property {number | null} payers How many viewers have paid; null before an event has said it.
 * @property {string | null} note What last happened to the goal, as a reason code such as "moved" or "revived".
 */

/** @typedef {Record<string, any>} Data The data of an event, or an answer of the API. */

/** The goals of one session. */
export class Book {
  /** @type {Map<string, Goal>} */
  goals = new Map();
  /** @type {Set<string>} */
  #seen = new Set();

  /**
   * Take an event, unless it is a repeat or older than what is known. Return whether it was taken.
   *
   * @param {string} name
   * @param {Data} data
   * @returns {boolean}
   */
  hear(name, data) {
    if (!this.#isNew(`${data.event_id} ${data.redelivery ?? 0}`)) return false;
    const known = this.goals.get(data.goal_id);
    if (known && isOld(name, data, known)) return false;
    const goal = known ?? blank(name, data);
    const version = Math.max(goal.version, data.version ?? 0);
    this.goals.set(goal.id, { ...goal, version, ...changes(name, data, goal) });
    return true;
  }

  /**
   * Take an answer of the API about a goal, unless it is older than what is known.
   *
   * @param {Data} answer
   */
  take(answer) {
    const known = this.goals.get(answer.id);
    const version = answer.version ?? known?.version ?? 0;
    if (known && version < known.version) return;
    const { id, type, status, nbf, access_exp, exp, levels, context } = answer;
    const progress = Math.max(answer.progress, known?.progress ?? 0);
    const note = noteOf(answer, known);
    const payers = known?.payers ?? null;
    this.goals.set(id, { id, type, status, version, nbf, access_exp, exp, progress, levels, context, payers, note });
  }

  /**
   * Tell whether everything about the goal is known, and not only what single events have said.
   *
   * @param {string} goalId
   * @returns {boolean}
   */
  isComplete(goalId) {
    const goal = this.goals.get(goalId);
    return goal !== undefined && goal.status !== "unknown" && goal.levels.length > 0;
  }

  /** @param {string} pair */
  #isNew(pair) {
    if (this.#seen.has(pair)) return false;
    this.#seen.add(pair);
    const [oldest] = this.#seen;
    if (this.#seen.size > REMEMBERED_EVENTS && oldest !== undefined) this.#seen.delete(oldest);
    return true;
  }
}

/**
 * Tell whether an event is older than what is known. Payments do not raise a goal's version, so `goal.progressed` is
 * judged by its progress, which only grows.
 *
 * @param {string} name
 * @param {Data} data
 * @param {Goal} known
 */
function isOld(name, data, known) {
  if (name === "goal.progressed") return data.progress < known.progress;
  return (data.version ?? known.version) < known.version;
}

/**
 * @param {string} name
 * @param {Data} data
 * @returns {Goal}
 */
function blank(name, data) {
  const isFunding = name === "goal.progressed" || name === "goal.lapsed";
  return {
    id: data.goal_id,
    type: data.type ?? (isFunding ? "show-funding" : "show"),
    status: "unknown",
    version: 0,
    nbf: null,
    access_exp: null,
    exp: null,
    progress: 0,
    levels: [],
    context: {},
    payers: null,
    note: null,
  };
}

/**
 * Return what an event says about its goal.
 *
 * @param {string} name
 * @param {Data} data
 * @param {Goal} goal
 * @returns {Partial<Goal>}
 */
function changes(name, data, goal) {
  switch (name) {
    case "goal.added":
      return { ...added(data), levels: data.levels, context: data.context };
    case "goal.started":
      return { status: "live", note: null, ...startOf(data, goal), levels: data.levels, context: data.context };
    case "goal.updated":
      return updated(data, goal);
    case "goal.cancelled":
      return { status: "cancelled", nbf: data.nbf, access_exp: data.access_exp, note: data.reason };
    case "goal.progressed":
      return { progress: data.progress, payers: data.payers };
    case "goal.lapsed":
      return { status: "closed", note: data.reason };
    case "goal.ended":
      return { status: goal.type === "show" ? "ended" : "closed", progress: data.progress, exp: data.exp };
    case "stream.authorized":
      return { status: "live", nbf: data.nbf, access_exp: data.exp };
    default: // an event of a later version of the server
      return {};
  }
}

/**
 * @param {Data} data
 * @returns {Partial<Goal>}
 */
function added(data) {
  if (data.type !== "show") return { status: "open" };
  return { status: "scheduled", nbf: data.nbf, access_exp: data.nbf + lastTarget(data) };
}

/**
 * Return the times and the progress of a show that has started.
 *
 * If the show began late, the event does not say when it should have begun, so the known `nbf` is kept. Otherwise the
 * start is computed from the end, because an event about an earlier move may not have arrived yet.
 *
 * @param {Data} data
 * @param {Goal} goal
 */
function startOf(data, goal) {
  const length = Math.max(lastTarget(data) - data.progress, 0);
  const nbf = data.context.started === undefined ? data.access_exp - length : goal.nbf;
  return { nbf, access_exp: data.access_exp, progress: data.progress };
}

/**
 * @param {Data} data
 * @param {Goal} goal
 * @returns {Partial<Goal>}
 */
function updated(data, goal) {
  if (goal.type !== "show") return data.exp === undefined ? {} : { exp: data.exp };
  const window = { nbf: data.nbf, access_exp: data.access_exp };
  const isScheduled = data.reason === "moved" || data.reason === "revived";
  return isScheduled ? { ...window, status: "scheduled", note: data.reason } : window;
}

/** @param {Data} data */
function lastTarget(data) {
  return data.levels.at(-1).target;
}

/**
 * Return the note of a goal after an answer of the API: the known note, or the note that a missed event would have set.
 *
 * @param {Data} answer
 * @param {Goal | undefined} known
 * @returns {string | null}
 */
function noteOf(answer, known) {
  if (!known) return null;
  if (answer.status !== "scheduled") return known.status === answer.status ? known.note : null;
  if (known.status === "cancelled") return "revived";
  return known.status === "scheduled" && known.nbf !== answer.nbf ? "moved" : known.note;
}
