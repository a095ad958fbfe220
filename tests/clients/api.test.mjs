// What the client makes of calls that fail, and how long it then waits.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Api, ApiError, problem } from "../../clients/js/api.js";
import { ServerClock } from "../../clients/js/clock.js";

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
