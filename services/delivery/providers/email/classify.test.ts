import { expect, it } from "vitest";
import { classify } from "./classify.ts";

const reply = (response: string, command = "RCPT TO", code = "EENVELOPE") => ({
  ...{ message: `refused: ${response}`, code, command, response, responseCode: Number(response.slice(0, 3)) },
});

it.each([
  ["550 5.1.1 No such user", "rejected"],
  ["551 User not local", "rejected"],
  ["552 5.2.2 Mailbox full", "rejected"],
  ["553 5.1.3 Bad address", "rejected"],
  ["554 5.7.1 Spam", "rejected"],
  ["500 What?", "rejected"],
  ["503 Bad sequence", "retry"],
  ["450 4.2.0 Greylisted", "retry"],
  ["451 4.7.1 Greylisted", "retry"],
  ["451 4.3.2 System not accepting", "outage"],
  ["452 4.2.2 Mailbox full", "retry"],
  ["452 4.3.1 Out of storage", "outage"],
  ["452 Out of storage", "outage"],
  ["452 4.5.3 Too many recipients", "retry"],
  ["452 4.3.4 Too large for the system", "retry"],
  ["451 4.4.5 Congestion", "outage"],
  ["450 4.7.0 You send too fast", "outage"],
  ["450 4.7.28 You send too fast", "outage"],
  ["451 Local error", "retry"],
  ["432 5.7.12 A password change is needed", "outage"],
  ["454 4.7.0 TLS not available", "outage"],
  ["534 5.7.9 Mechanism too weak", "outage"],
  ["538 5.7.11 Encryption required", "outage"],
  ["455 Parameters", "retry"],
  ["499 Nobody knows", "retry"],
  ["421 4.7.1 Closing", "outage"],
  ["530 5.7.0 Authentication required", "outage"],
  ["535 5.7.8 Bad credentials", "outage"],
])("%s in answer to a recipient: %s", (response, is) => {
  expect(classify(reply(response), false)).toMatchObject({ is, detail: response });
});

it.each([
  ["554 No service", "CONN", "EPROTOCOL"],
  ["521 Host accepts no mail", "EHLO", "ECONNECTION"],
  ["534 5.7.9 Mechanism too weak", "AUTH PLAIN", "EAUTH"],
  ["454 4.7.0 Temporary authentication failure", "AUTH LOGIN", "EAUTH"],
  ["550 Go away", "STARTTLS", "ETLS"],
])("%s in answer to anything but a message (%s) is an outage", (response, command, code) => {
  expect(classify(reply(response, command, code), false).is).toBe("outage");
});

it("a reply that ends the connection after the message is about the message", () => {
  expect(classify(reply("554 5.7.1 Spam", "CONN", "ECONNECTION"), true).is).toBe("rejected");
  expect(classify(reply("421 4.3.2 Closing", "CONN", "ECONNECTION"), true).is).toBe("outage");
});

it.each(["ECONNECTION", "ETIMEDOUT", "ESOCKET", "EDNS", "ETLS", "EPROTOCOL", "EAUTH", "EABORT"])(
  "%s without a reply is an outage before the message was handed over, and unknown afterwards",
  (code) => {
    expect(classify({ message: "m", code }, false)).toEqual({ is: "outage", code, detail: "m" });
    expect(classify({ message: "m", code }, true)).toEqual({ is: "unknown", code, detail: "m" });
  },
);

it("what the message is refused for here is rejected, and what is not recognised counts against the message for now", () => {
  expect(classify({ message: "m", code: "EENVELOPE" }, false).is).toBe("rejected");
  expect(classify({ message: "m", code: "EMESSAGE" }, false).is).toBe("rejected");
  expect(classify({ message: "m" }, false)).toEqual({ is: "retry", code: "unrecognised", detail: "m" });
});

it("names what happened in a short code without the provider's words", () => {
  expect(classify(reply("550 5.1.1 <ann@example.test> unknown"), false)).toMatchObject({ code: "550 5.1.1" });
  expect(classify(reply("550 ann@example.test unknown"), false)).toMatchObject({ code: "550" });
  expect(classify({ message: "m", code: "ESOCKET", originalCode: "ECONNREFUSED" }, false)).toMatchObject({ code: "ECONNREFUSED" });
});
