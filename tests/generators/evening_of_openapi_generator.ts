// Plays an evening, which is a session with one show, with a client that openapi-generator has made.
// Its arguments are `BASE_URL STREAMER VIEWER PASSWORD`.
import { Configuration, DeliveriesApi, GoalsApi, ResponseError, SessionsApi, SigningInApi } from "./made/index.js";
import type { Problem } from "./made/index.js";

const [basePath, streamerName, viewerName, password] = process.argv.slice(2) as [string, string, string, string];
const WITHIN_MS = 20_000;

async function signedIn(username: string) {
  const credentials = { username, password };
  const { access } = await new SigningInApi(new Configuration({ basePath })).signIn({ credentials });
  return new Configuration({ basePath, accessToken: access });
}

async function codeOf(refused: Promise<unknown>) {
  try {
    await refused;
  } catch (error) {
    if (error instanceof ResponseError) return ((await error.response.json()) as Problem).code;
    throw error;
  }
}

const streamer = await signedIn(streamerName);
const viewer = await signedIn(viewerName);
const goals = new GoalsApi(streamer);
const sessions = new SessionsApi(streamer);
const created = await sessions.createSessionRaw({ sessionBody: { title: "Friday night" } });
const { id: sessionId } = await created.value();
const product = { sessionId, ticketProductId: "ticket_200", ticketProductType: "show" as const };
const funding = await goals.createGoal({
  type: "show-funding",
  newGoal: {
    levels: [{ title: "A song", target: 500 }],
    context: { ...product, performDuration: 60, hesitationCountdown: 86_400, discountPercentage: 0 },
  },
});
const aShow = {
  type: "show" as const,
  newGoal: {
    levels: [{ title: "Proceed", target: 60 }],
    context: { ...product, fundingGoalId: funding.id },
    nbf: Math.floor(Date.now() / 1000),
  },
};
const goalId = funding.id;
const contributionBody = { amount: 200 };
const paid = await new GoalsApi(viewer).contribute({ goalId, idempotencyKey: "1", contributionBody });
const refused = await codeOf(goals.createGoal(aShow));
const closed = await goals.closeFundingGoal({ goalId });
const show = await goals.createGoal(aShow);
const giveUpAt = Date.now() + WITHIN_MS;
while ((await goals.getGoal({ goalId: show.id })).status !== "live") {
  if (Date.now() > giveUpAt) throw new Error("the show does not start");
  await new Promise((done) => setTimeout(done, 200));
}
const token = await new SessionsApi(viewer).getSessionToken({ sessionId });
const begun = await goals.beginShow({ goalId: show.id });
const timeline = await new DeliveriesApi(streamer).getTimeline({ goalId: show.id, pageSize: 200 });
const payers = await new DeliveriesApi(streamer).listPayers({ goalId: show.id });
const report = await new DeliveriesApi(viewer).getViewer({ goalId: show.id, viewerId: paid.viewerId });
await goals.endShow({ goalId: show.id });
const settlement = await goals.getSettlement({ goalId });
const mine = await new GoalsApi(viewer).listMyContributions();
const ended = await sessions.endSession({ sessionId, endSessionBody: { cancelShows: true } });
console.log(
  JSON.stringify({
    location: created.raw.headers.get("Location") === `/sessions/${sessionId}`,
    paid: paid.amount,
    refused,
    closed: closed.status,
    preset: token.preset,
    room: token.byteplusRtcInfo?.roomId === sessionId,
    begun: begun.context.startedBy,
    payers: payers.results.map((payer) => payer.amount),
    report: report.paid?.amount,
    settlement: settlement.state,
    mine: mine.results.map((each) => each.outcome),
    timeline: timeline.results.some((row) => row.name === "activate_goal"),
    ended: ended.status,
  }),
);
