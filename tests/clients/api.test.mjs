// Which errors the client throws for calls that fail, and how long each says to wait.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { Api, ApiError, isTemporary, problem, reasonOf } from "../../clients/js/api.js";
import { ServerClock } from "../../clients/js/clock.js";
import { signIn } from "../../clients/js/sign_in.js";

/** Return the error that `call` throws when the server responds with `answer`, or null. */
async function thrownBy(answer, call) {
  const server = createServer((_request, response) => answer(response)).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const base = `http://127.0.0.1:${server.address().port}`;
  try {
    return await call(base).then(() => null, (error) => error);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function reading(base) {
  return new Api(base, () => "token", new ServerClock()).get("/me");
}

for (const body of ["<!doctype html><title>Sign in to this network</title>", ""]) {
  test(`a success with the body "${body}" is not the API's, so the call may succeed later`, async () => {
    for (const call of [reading, (base) => signIn({ base, username: "mei", password: "x" })]) {
      const error = await thrownBy((response) => response.end(body), call);

      assert.deepEqual(error, new ApiError(502, "unavailable", "The answer is not the API's."));
      assert.deepEqual([isTemporary(error), reasonOf(error)], [true, "api_unavailable"]);
    }
  });
}

test("a success whose body is cut off has not reached the client", async () => {
  const cutOff = (response) => {
    response.writeHead(200, { "Content-Length": 100 });
    response.write('{"id":', () => response.destroy());
  };

  assert.equal(reasonOf(await thrownBy(cutOff, reading)), "unreachable");
});

test("a failure to get a token is passed on as it is, with the time to wait", async () => {
  const throttled = new ApiError(429, "throttled", "Too many attempts.", 30_000);
  const api = new Api("https://api.example.com", () => Promise.reject(throttled), new ServerClock());

  await assert.rejects(api.get("/me"), throttled);
});

test("an application that cannot get a token for another reason has not reached the server", async () => {
  const api = new Api("https://api.example.com", () => Promise.reject(new TypeError("Failed to fetch")), new ServerClock());

  await assert.rejects(api.get("/me"), new ApiError(0, "unreachable", "Failed to fetch"));
});

test("an answer without a readable problem has the status and the time to wait", async () => {
  for (const body of ["null", "<html>", ""]) {
    const answer = new Response(body, { status: 503, statusText: "Service Unavailable", headers: { "Retry-After": "7" } });

    assert.deepEqual(await problem(answer), new ApiError(503, "error", "Service Unavailable", 7_000));
  }
});
