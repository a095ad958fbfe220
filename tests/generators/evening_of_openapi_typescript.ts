// Plays an evening, which is a session with one show, with the types that openapi-typescript has made.
// Its arguments are `BASE_URL STREAMER VIEWER PASSWORD`.
import createClient from "openapi-fetch";
import type { paths } from "./made.js";

const [baseUrl, streamerName, viewerName, password] = process.argv.slice(2) as [string, string, string, string];
const WITHIN_MS = 20_000;

async function signedIn(username: string) {
  const { data } = await createClient<paths>({ baseUrl }).POST("/auth/token", { body: { username, password } });
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${data!.access}` } });
}

const streamer = await signedIn(streamerName);
const viewer = await signedIn(viewerName);
const created = await streamer.POST("/sessions", { body: { title: "Friday night" } });
const session_id = created.data!.id;
const product = { session_id, ticket_product_id: "ticket_200", ticket_product_type: "show" as const };
const { data: funding } = await streamer.POST("/goals", {
  params: { query: { type: "show-funding" } },
  body: {
    levels: [{ title: "A song", target: 500 }],
    context: { ...product, perform_duration: 60, hesitation_countdown: 86_400, discount_percentage: 0 },
  },
});
const itsGoal = { params: { path: { goal_id: funding!.id } } };
const aShow = {
  params: { query: { type: "show" as const } },
  body: {
    levels: [{ title: "Proceed", target: 60 }],
    context: { ...product, funding_goal_id: funding!.id },
    nbf: Math.floor(Date.now() / 1000),
  },
};
const paid = await viewer.POST("/goals/{goal_id}/contributions", {
  params: { ...itsGoal.params, header: { "Idempotency-Key": "1" } },
  body: { amount: 200 },
});
const refused = await streamer.POST("/goals", aShow);
const closed = await streamer.POST("/goals/{goal_id}/close", itsGoal);
const { data: show } = await streamer.POST("/goals", aShow);
const itsShow = { params: { path: { goal_id: show!.id } } };
const giveUpAt = Date.now() + WITHIN_MS;
while ((await streamer.GET("/goals/{goal_id}", itsShow)).data!.status !== "live") {
  if (Date.now() > giveUpAt) throw new Error("the show does not start");
  await new Promise((done) => setTimeout(done, 200));
}
const itsSession = { params: { path: { session_id } } };
const token = await viewer.GET("/sessions/{session_id}/token", itsSession);
const begun = await streamer.POST("/goals/{goal_id}/start", itsShow);
const timeline = await streamer.GET("/goals/{goal_id}/timeline", {
  params: { ...itsShow.params, query: { page_size: 200 } },
});
const payers = await streamer.GET("/goals/{goal_id}/payers", itsShow);
const report = await viewer.GET("/goals/{goal_id}/viewers/{viewer_id}", {
  params: { path: { goal_id: show!.id, viewer_id: paid.data!.viewer_id } },
});
await streamer.POST("/goals/{goal_id}/end", itsShow);
const settlement = await streamer.GET("/goals/{goal_id}/settlement", itsGoal);
const mine = await viewer.GET("/me/contributions");
const ended = await streamer.POST("/sessions/{session_id}/end", { ...itsSession, body: { cancel_shows: true } });
console.log(
  JSON.stringify({
    location: created.response.headers.get("Location") === `/sessions/${session_id}`,
    paid: paid.data?.amount,
    refused: refused.error?.code,
    closed: closed.data?.status,
    preset: token.data?.preset,
    room: token.data?.byteplus_rtc_info?.room_id === session_id,
    begun: begun.data?.context.started_by,
    payers: payers.data?.results.map((payer) => payer.amount),
    report: report.data?.paid?.amount,
    settlement: settlement.data?.state,
    mine: mine.data?.results.map((each) => each.outcome),
    timeline: timeline.data?.results.some((row) => row.name === "activate_goal"),
    ended: ended.data?.status,
  }),
);
