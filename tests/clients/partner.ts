// How a partner's application in TypeScript uses the client, with the types of the real pusher-js.
import Pusher from "pusher-js";

import { ApiError, REASONS, signIn, streamer, viewer } from "../../clients/js/showgoals.js";

export async function watch(base: string, sessionId: string): Promise<string[]> {
  const account = await signIn({ base, username: "mei", password: "a long password" });
  const client = viewer({ base, sessionId, authorize: account.authorize, Pusher, onChange: (picture) => REASONS[picture.reason] });
  const { state, credentials, show } = client.picture;
  const left: number = (show?.access_exp ?? 0) - client.now();
  return [state, credentials?.byteplus_rtc_info.user_id ?? "", `${left}`];
}

export async function perform(base: string, sessionId: string): Promise<string> {
  const client = streamer({ base, sessionId, authorize: async () => null, onChange: ({ recording }) => recording?.detail });
  try {
    await client.begin();
    return `${await client.redeliver()}`;
  } catch (error) {
    return error instanceof ApiError ? error.code : "";
  }
}
