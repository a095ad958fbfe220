// Reads [{ secret, headers, body }] and prints whether each call is genuine. The body is in base64.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const isGenuine = ({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64"), headers);
    return true;
  } catch {
    return false;
  }
};
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(isGenuine)));
